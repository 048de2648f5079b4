// Shows the document that the page names. Nothing leaves this host: no validator, no petstore, and tokens are forgotten with the page.
const api = document.getElementById('api');
const tries = api.dataset.try === 'yes';
window.SwaggerUIBundle({
  domNode: api,
  url: new URL(api.dataset.document, document.baseURI).href,
  validatorUrl: null,
  persistAuthorization: false,
  tryItOutEnabled: tries,
  supportedSubmitMethods: tries ? ['get', 'put', 'post', 'delete', 'options', 'head', 'patch'] : [],
  deepLinking: true,
  displayRequestDuration: true,
  docExpansion: 'list',
  filter: true,
});
