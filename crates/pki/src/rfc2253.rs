//! Writes distinguished names as Java's `X500Principal.getName()` does, which is what Kafka's mapping rules see.

use std::fmt::Write as _;

use x509_parser::asn1_rs::ToDer;
use x509_parser::x509::{AttributeTypeAndValue, X509Name};

/// The attributes that RFC 2253 §2.3 has a keyword for; all others are written by number.
const KEYWORDS: [(&str, &str); 9] = [
    ("2.5.4.3", "CN"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("2.5.4.6", "C"),
    ("2.5.4.9", "STREET"),
    ("0.9.2342.19200300.100.1.25", "DC"),
    ("0.9.2342.19200300.100.1.1", "UID"),
];

/// The name, last relative name first, as RFC 2253 asks.
pub(crate) fn render_name(name: &X509Name<'_>) -> String {
    let mut parts: Vec<String> = name
        .iter_rdn()
        .map(|relative| relative.iter().map(render_attribute).collect::<Vec<_>>().join("+"))
        .collect();
    parts.reverse();
    parts.join(",")
}

fn render_attribute(attribute: &AttributeTypeAndValue<'_>) -> String {
    let number = attribute.attr_type().to_id_string();
    let keyword = KEYWORDS.iter().find(|(oid, _)| *oid == number);
    match (keyword, attribute.as_str()) {
        (Some((_, keyword)), Ok(value)) => format!("{keyword}={}", escape(value)),
        (Some((_, keyword)), Err(_)) => format!("{keyword}=#{}", hex(attribute)),
        (None, _) => format!("{number}=#{}", hex(attribute)),
    }
}

/// The value's whole encoding, in hexadecimal.
fn hex(attribute: &AttributeTypeAndValue<'_>) -> String {
    let der = attribute.attr_value().to_der_vec().unwrap_or_else(|_| attribute.as_slice().to_vec());
    der.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes every text");
        text
    })
}

fn escape(value: &str) -> String {
    let last = value.chars().count().saturating_sub(1);
    let mut text = String::with_capacity(value.len());
    for (place, character) in value.chars().enumerate() {
        let escaped = match character {
            ',' | '+' | '"' | '\\' | '<' | '>' | ';' => true,
            '#' => place == 0,
            ' ' => place == 0 || place == last,
            _ => false,
        };
        if escaped {
            text.push('\\');
        }
        text.push(character);
    }
    text
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
    use x509_parser::parse_x509_certificate;

    use super::*;

    fn rendered(fill: impl FnOnce(&mut DistinguishedName)) -> String {
        let mut params = CertificateParams::default();
        let mut name = DistinguishedName::new();
        fill(&mut name);
        params.distinguished_name = name;
        let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        let (_, parsed) = parse_x509_certificate(certificate.der()).unwrap();
        render_name(parsed.subject())
    }

    #[test]
    fn a_name_is_written_backwards_and_escaped() {
        let name = rendered(|name| {
            name.push(DnType::OrganizationName, "Smith, \"Sons\" + Co;");
            name.push(DnType::OrganizationalUnitName, " a ");
            name.push(DnType::CommonName, "#1=\\<x>");
        });
        assert_eq!(name, r#"CN=\#1=\\\<x\>,OU=\ a\ ,O=Smith\, \"Sons\" \+ Co\;"#);
    }

    #[test]
    fn an_attribute_without_a_keyword_is_written_by_number_and_encoding() {
        let name = rendered(|name| {
            name.push(DnType::CommonName, "a");
            let mail = rcgen::string::Ia5String::try_from("a@b").unwrap();
            name.push(
                DnType::CustomDnType(vec![1, 2, 840, 113_549, 1, 9, 1]),
                rcgen::DnValue::Ia5String(mail),
            );
        });
        assert_eq!(name, "1.2.840.113549.1.9.1=#1603614062,CN=a");
    }
}
