//! Known answers for every algorithm, checked before the first request: a build without working
//! cryptography should not start.
//!
//! The signatures are those of RFC 7515, appendix A.1 to A.3, and RFC 8037, appendix A.4.

use jsonwebtoken::crypto::verify;
use jsonwebtoken::{DecodingKey, errors};
use thali_platform::identity::TokenAlgorithm;

use super::config::AuthError;

/// A message, its signature, and the key.
struct Known {
    algorithm: TokenAlgorithm,
    message: &'static str,
    signature: &'static str,
    key: fn() -> errors::Result<DecodingKey>,
}

const CLAIMS: &str = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";

static KNOWN: [Known; 4] = [
    Known {
        algorithm: TokenAlgorithm::Hs256,
        message: "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9",
        signature: "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
        key: || {
            DecodingKey::from_base64_secret(
                "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ+EstJQLr/T+1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow==",
            )
        },
    },
    Known {
        algorithm: TokenAlgorithm::Rs256,
        message: "eyJhbGciOiJSUzI1NiJ9",
        signature: "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
        key: || {
            DecodingKey::from_rsa_components(
                "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ",
                "AQAB",
            )
        },
    },
    Known {
        algorithm: TokenAlgorithm::Es256,
        message: "eyJhbGciOiJFUzI1NiJ9",
        signature: "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
        key: || {
            DecodingKey::from_ec_components(
                "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
                "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
            )
        },
    },
    Known {
        algorithm: TokenAlgorithm::EdDsa,
        message: "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
        signature: "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
        key: || DecodingKey::from_ed_components("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"),
    },
];

/// Checks that every algorithm takes its known signature, and no other.
pub(super) fn run() -> Result<(), AuthError> {
    let broken = KNOWN.iter().find(|known| !known.holds());
    broken.map_or(Ok(()), |known| Err(AuthError::SelfTest(known.algorithm)))
}

impl Known {
    fn holds(&self) -> bool {
        let Ok(key) = (self.key)() else { return false };
        // All but one sign the same claims.
        let message = match self.message.contains('.') {
            true => self.message.to_owned(),
            false => format!("{}.{CLAIMS}", self.message),
        };
        let accepts = |message: &str| {
            let algorithm = self.algorithm.into();
            verify(self.signature, message.as_bytes(), &key, algorithm).unwrap_or(false)
        };
        accepts(&message) && !accepts(&format!("{message}x"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_algorithm_has_a_known_answer_and_one_that_is_wrong_is_named() {
        run().unwrap();
        assert_eq!(KNOWN.each_ref().map(|known| known.algorithm), TokenAlgorithm::ALL);
        let wrong = Known { signature: KNOWN[0].signature, ..KNOWN[3] };
        assert!(!wrong.holds());
    }
}
