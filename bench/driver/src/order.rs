//! The body of the POST case: a kilobyte of JSON.

/// Compact JSON, as programs send it.
pub(crate) const ORDER: &[u8] = br#"{"customer":{"name":"Ada Lovelace","email":"ada.lovelace@example.com","phone":"+15550100"},"address":{"line":"Unter den Linden 77, third floor, left","city":"Berlin","country":"DE","lat":52.516274,"lon":13.380322},"lines":[{"sku":"margherita-large","quantity":2,"unit_price":{"amount":1299,"currency":"USD"},"note":"no basil on one of them, please"},{"sku":"pepperoni-small","quantity":1,"unit_price":{"amount":1499,"currency":"USD"}},{"sku":"garlic-bread","quantity":3,"unit_price":{"amount":499,"currency":"USD"},"note":"well done"},{"sku":"caesar-salad","quantity":1,"unit_price":{"amount":899,"currency":"USD"},"note":"dressing on the side, croutons too"},{"sku":"tiramisu","quantity":4,"unit_price":{"amount":650,"currency":"USD"}},{"sku":"sparkling-water-1l","quantity":2,"unit_price":{"amount":299,"currency":"USD"}},{"sku":"lemonade-homemade","quantity":2,"unit_price":{"amount":349,"currency":"USD"},"note":"with \"lots\" of ice"}],"express":true,"coupon":"WELCOME-BACK-10"}"#;

#[cfg(test)]
mod tests {
    use super::ORDER;

    #[test]
    fn the_body_is_a_kilobyte_of_json() {
        assert!((950..1100).contains(&ORDER.len()), "{}", ORDER.len());
        assert!(serde_json::from_slice::<serde_json::Value>(ORDER).unwrap().is_object());
    }
}
