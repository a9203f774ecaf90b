//! Which addresses are shortened, and which short code each one gets.

use url::Url;

/// Longest address taken, in bytes. Browsers and search engines agree on little more than 2000.
pub(crate) const MAX_ADDRESS: usize = 2048;

/// Letters of a code: 62^7 codes are 3.5 million million, and still easily typed.
const CODE_LENGTH: usize = 7;

const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Why an address is not shortened.
#[derive(Debug, PartialEq, thiserror::Error)]
pub(crate) enum BadAddress {
    /// More than [`MAX_ADDRESS`] bytes.
    #[error("the address is longer than {MAX_ADDRESS} bytes")]
    TooLong,
    /// No URL at all.
    #[error("that is no web address such as https://example.com/page: {0}")]
    NoAddress(url::ParseError),
    /// `javascript:`, `file:` and the like, which nobody should be sent to by a click.
    #[error("only http and https addresses can be shortened")]
    OtherScheme,
}

/// Reads an address as a person typed it, and brings it into the form in which browsers send it.
pub(crate) fn parse(text: &str) -> Result<Url, BadAddress> {
    let text = text.trim();
    if text.len() > MAX_ADDRESS {
        return Err(BadAddress::TooLong);
    }
    let url = Url::parse(text).map_err(BadAddress::NoAddress)?;
    check(&url)?;
    Ok(url)
}

/// Checks an address that did not come through [`parse`]: anybody may call a service.
pub(crate) fn check(url: &Url) -> Result<(), BadAddress> {
    // Not text typed but text kept: encoding may have made it longer.
    if url.as_str().len() > MAX_ADDRESS {
        return Err(BadAddress::TooLong);
    }
    if !matches!(url.scheme(), "http" | "https") {
        return Err(BadAddress::OtherScheme);
    }
    Ok(())
}

/// The code of an address: the same address always gets the same one, so nothing is stored twice.
///
/// Two addresses may share a code. The store refuses the second, which then takes the code of its next `attempt`.
pub(crate) fn code(url: &Url, attempt: u8) -> String {
    // FNV-1a, 64 bits: the same in every program and version, which the standard library's hashers do not promise.
    let bytes = url.as_str().bytes().chain([attempt]);
    let mut hash =
        bytes.fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let mut code = String::with_capacity(CODE_LENGTH);
    for _ in 0..CODE_LENGTH {
        code.push(char::from(LETTERS[(hash % 62) as usize]));
        hash /= 62;
    }
    code
}

/// Whether `code` may be one: short, and of characters that need no encoding in an address.
pub(crate) fn is_code(code: &str) -> bool {
    const LONGEST: usize = 64;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    !code.is_empty() && code.len() <= LONGEST && code.bytes().all(plain)
}
