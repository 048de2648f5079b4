//! Integers as text: the regular expressions that accept exactly a type's range.

/// Accepts the decimal spelling of every integer from `min` (at most 0) to `max`, and nothing else.
pub(super) fn integer(min: i128, max: i128) -> String {
    let mut alternatives = vec!["0".to_owned()];
    alternatives.extend(up_to("", max.unsigned_abs()));
    if min < 0 {
        alternatives.extend(up_to("-", min.unsigned_abs()));
    }
    format!("^({})$", alternatives.join("|"))
}

/// Alternatives for 1 to `max`: everything with fewer digits, then, digit by digit, what shares the
/// digits before and has a smaller one there, then `max` itself.
fn up_to(sign: &str, max: u128) -> Vec<String> {
    let digits = max.to_string();
    let mut alternatives = Vec::new();
    if digits.len() > 1 {
        alternatives.push(format!("{sign}[1-9]{}", any(digits.len() - 2, true)));
    }
    for (i, digit) in digits.bytes().enumerate() {
        let least = if i == 0 { b'1' } else { b'0' };
        if digit > least {
            let before = digits.get(..i).unwrap_or_default();
            let class = class(least, digit - 1);
            alternatives.push(format!("{sign}{before}{class}{}", any(digits.len() - i - 1, false)));
        }
    }
    alternatives.push(format!("{sign}{digits}"));
    alternatives
}

fn class(from: u8, to: u8) -> String {
    let (from, to) = (char::from(from), char::from(to));
    if from == to { from.to_string() } else { format!("[{from}-{to}]") }
}

/// Exactly so many digits, or at most so many.
fn any(digits: usize, fewer: bool) -> String {
    match (digits, fewer) {
        (0, _) => String::new(),
        (digits, true) => format!("[0-9]{{0,{digits}}}"),
        (1, false) => "[0-9]".to_owned(),
        (digits, false) => format!("[0-9]{{{digits}}}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_cover_exactly_the_range() {
        assert_eq!(
            integer(-128, 127),
            "^(0|[1-9][0-9]{0,1}|1[0-1][0-9]|12[0-6]|127|-[1-9][0-9]{0,1}|-1[0-1][0-9]|-12[0-7]|-128)$"
        );
        assert_eq!(integer(0, 100), "^(0|[1-9][0-9]{0,1}|100)$");
        assert_eq!(integer(0, 9), "^(0|[1-8]|9)$");
    }
}
