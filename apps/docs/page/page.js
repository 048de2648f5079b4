// Shows a document that the page names: the one of the link that leads here, or the first. Nothing leaves this host: no validator,
// no petstore, and tokens are forgotten with the page.
const named = [...document.querySelectorAll('[data-document]')];
const shown = named.find(({ search }) => search && search === location.search) ?? named[0];
if (shown.href) shown.setAttribute('aria-current', 'page');
const tries = shown.dataset.try === 'yes';
window.SwaggerUIBundle({
  domNode: document.getElementById('api'),
  url: new URL(shown.dataset.document, document.baseURI).href,
  validatorUrl: null,
  persistAuthorization: false,
  tryItOutEnabled: tries,
  supportedSubmitMethods: tries ? ['get', 'put', 'post', 'delete', 'options', 'head', 'patch'] : [],
  deepLinking: true,
  displayRequestDuration: true,
  docExpansion: 'list',
  filter: true,
});
