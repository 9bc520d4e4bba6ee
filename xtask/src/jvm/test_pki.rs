//! Certificates for the Java suites, made anew for each run: one folder for each generation or peer, each with the three
//! files a slot has. Never shipped, never kept.

use std::path::Path;

use anyhow::Context;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, PKCS_RSA_SHA256, RsaKeySize, date_time_ymd,
};

struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// What goes into a leaf certificate.
struct Leaf<'a> {
    unit: &'a str,
    name: &'a str,
    hosts: &'a [&'a str],
    years: (i32, i32),
}

const VALID: (i32, i32) = (2020, 2090);
const NODE: Leaf<'static> =
    Leaf { unit: "nodes", name: "brokers-1", hosts: &["localhost", "127.0.0.1"], years: VALID };

/// Writes the folders; `dev.klamm.kafka.Pki` in the Java tests says what each is for.
pub(super) fn write(root: &Path) -> anyhow::Result<()> {
    let nodes = Authority::root("node authority")?;
    let next_nodes = Authority::root("next node authority")?;
    let users = Authority::root("user authority")?;
    let foreign = Authority::root("foreign authority")?;
    let middle = nodes.intermediate("intermediate")?;
    let out = Folders { root, users: &users.pem };

    let user = |name| Leaf { unit: "users", name, hosts: &[], years: VALID };
    out.write("node-1", &nodes.sign(&NODE)?, &nodes.pem)?;
    out.write("node-2", &nodes.sign(&NODE)?, &nodes.pem)?;
    let both = format!("{}{}", nodes.pem, next_nodes.pem);
    out.write("node-3", &next_nodes.sign(&NODE)?, &both)?;
    out.write("node-4", &next_nodes.sign(&NODE)?, &next_nodes.pem)?;
    out.write("expired", &nodes.sign(&Leaf { years: (2020, 2021), ..NODE })?, &nodes.pem)?;
    out.write("future", &nodes.sign(&Leaf { years: (2089, 2090), ..NODE })?, &nodes.pem)?;
    out.write("other-host", &nodes.sign(&Leaf { hosts: &["other.example"], ..NODE })?, &nodes.pem)?;
    let rsa = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048)?;
    out.write("rsa", &nodes.sign_key(&NODE, &rsa)?, &nodes.pem)?;
    let chained = format!("{}{}", middle.sign(&NODE)?, middle.pem);
    out.write("intermediate", &chained, &nodes.pem)?;
    let astray = format!("{}{}", nodes.sign(&NODE)?, foreign.pem);
    out.write("chain-astray", &astray, &nodes.pem)?;
    let stranger = KeyPair::generate()?.serialize_pem();
    let ours = nodes.sign(&NODE)?;
    let certificate = &ours[ours.find("-----BEGIN CERTIFICATE").context("a leaf has a certificate")?..];
    out.write("mismatch", &format!("{stranger}{certificate}"), &nodes.pem)?;

    out.write("alice", &users.sign(&user("alice"))?, &nodes.pem)?;
    out.write("nobody", &users.sign(&Leaf { unit: "strangers", ..user("nobody") })?, &nodes.pem)?;
    out.write("foreign", &foreign.sign(&user("alice"))?, &nodes.pem)?;
    out.write("admin", &users.sign(&user("admin"))?, &nodes.pem)
}

struct Folders<'a> {
    root: &'a Path,
    users: &'a str,
}

impl Folders<'_> {
    fn write(&self, name: &str, own: &str, trust: &str) -> anyhow::Result<()> {
        let folder = self.root.join(name);
        std::fs::create_dir_all(&folder).with_context(|| format!("making {name}"))?;
        for (file, text) in [("node.pem", own), ("trust-nodes.pem", trust), ("trust-users.pem", self.users)] {
            std::fs::write(folder.join(file), text).with_context(|| format!("writing {name}/{file}"))?;
        }
        Ok(())
    }
}

impl Authority {
    fn root(name: &str) -> anyhow::Result<Self> {
        let params = Self::params(name)?;
        let key = KeyPair::generate()?;
        let pem = params.self_signed(&key)?.pem();
        Ok(Self { pem, issuer: Issuer::new(params, key) })
    }

    fn intermediate(&self, name: &str) -> anyhow::Result<Self> {
        let params = Self::params(name)?;
        let key = KeyPair::generate()?;
        let pem = params.signed_by(&key, &self.issuer)?.pem();
        Ok(Self { pem, issuer: Issuer::new(params, key) })
    }

    fn params(name: &str) -> anyhow::Result<CertificateParams> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.distinguished_name = subject("authorities", name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        Ok(params)
    }

    fn sign(&self, leaf: &Leaf<'_>) -> anyhow::Result<String> {
        self.sign_key(leaf, &KeyPair::generate()?)
    }

    /// Key and certificate in one PEM text, as `node.pem` has them.
    fn sign_key(&self, leaf: &Leaf<'_>, key: &KeyPair) -> anyhow::Result<String> {
        let hosts: Vec<String> = leaf.hosts.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(hosts)?;
        params.distinguished_name = subject(leaf.unit, leaf.name);
        params.not_before = date_time_ymd(leaf.years.0, 1, 1);
        params.not_after = date_time_ymd(leaf.years.1, 1, 1);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let certificate = params.signed_by(key, &self.issuer)?;
        Ok(format!("{}{}", key.serialize_pem(), certificate.pem()))
    }
}

fn subject(unit: &str, name: &str) -> DistinguishedName {
    let mut subject = DistinguishedName::new();
    subject.push(DnType::OrganizationName, "tele");
    subject.push(DnType::OrganizationalUnitName, unit);
    subject.push(DnType::CommonName, name);
    subject
}
