//! Phone numbers and email addresses: plausible or not, and written one way.

/// The longest email address, in bytes (RFC 5321).
const EMAIL_BYTES_MAX: usize = 254;
/// The longest part before the `@`, in bytes (RFC 5321).
const LOCAL_BYTES_MAX: usize = 64;

/// A phone number as E.164 writes it, `+15550100`: a plus, the country code, at most 15 digits. Spaces,
/// dashes, dots and brackets between the digits are left out.
pub fn phone(text: &str) -> Option<String> {
    let text = text.trim();
    if text.len() > 40 {
        return None;
    }
    let mut number = String::from("+");
    for c in text.strip_prefix('+')?.chars() {
        match c {
            '0'..='9' => number.push(c),
            ' ' | '-' | '.' | '(' | ')' => {}
            _ => return None,
        }
    }
    let plausible = (8..=16).contains(&number.len()) && !number.starts_with("+0");
    plausible.then_some(number)
}

/// An email address that can be delivered to: one `@`, a plausible name before it, a domain with a dot
/// after it. The domain is written in lower case.
pub fn email(text: &str) -> Option<String> {
    let text = text.trim();
    let (local, domain) = text.split_once('@')?;
    let domain = domain.to_ascii_lowercase();
    let plausible = text.len() <= EMAIL_BYTES_MAX && is_local(local) && is_domain(&domain);
    plausible.then(|| [local, "@", &domain].concat())
}

fn is_local(local: &str) -> bool {
    (1..=LOCAL_BYTES_MAX).contains(&local.len())
        && local.split('.').all(|atom| !atom.is_empty())
        && local.bytes().all(|b| b.is_ascii_alphanumeric() || b".!#$%&'*+-/=?^_`{|}~".contains(&b))
}

fn is_domain(domain: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let top = domain.rsplit('.').next().unwrap_or_default();
    domain.contains('.')
        && domain.split('.').all(is_label)
        && !top.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phone_numbers_are_written_one_way() {
        assert_eq!(phone("+15550100").unwrap(), "+15550100");
        assert_eq!(phone(" +49 (30) 901-820.00 ").unwrap(), "+493090182000");
        for text in ["", "+", "15550100", "+1555", "+0123456789", "+1234567890123456", "+1555x100"]
        {
            assert_eq!(phone(text), None, "{text}");
        }
        assert_eq!(phone(&format!("+1{}5550100", " ".repeat(50))), None);
    }

    #[test]
    fn only_plausible_email_addresses_pass() {
        assert_eq!(email("Ada.L+x@Example.ORG").unwrap(), "Ada.L+x@example.org");
        assert!(email("a@xn--bcher-kva.example").is_some());
        for text in [
            "",
            "ada",
            "@",
            "a@",
            "@b.c",
            "a@b",
            "a@b@c.d",
            "a b@c.d",
            "a@b..c",
            "a@-b.c",
            "a@b.c-",
            "a..b@c.d",
            ".a@c.d",
            "a@1.2",
            "a\n@c.d",
            "ä@c.d",
            &format!("{}@c.d", "a".repeat(65)),
        ] {
            assert_eq!(email(text), None, "{text}");
        }
    }
}
