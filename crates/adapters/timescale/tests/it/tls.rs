//! TLS against a server with certificates: who is let in, and what the others are told.

use std::path::PathBuf;

use onetape_ports::StoreErrorKind;
use onetape_testkit::ManualClock;
use onetape_timescale::{Severity, TimescaleStore};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use url::Url;

use crate::support;

/// An address of this machine that is not a local one by our rule, so that it must prove who it is.
const NOT_LOCAL: &str = "0.0.0.0";

/// An authority of a test's own, and its certificate.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// A certificate for `names` and its key, both PEM.
    fn sign(&self, names: &[&str]) -> (String, String) {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &self.issuer).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    fn file(&self, folder: &tempfile::TempDir, name: &str) -> PathBuf {
        let path = folder.path().join(name);
        std::fs::write(&path, &self.pem).unwrap();
        path
    }
}

async fn refused(url: &str, words: &[&str]) {
    let error = TimescaleStore::connect(url).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Invalid, "{url}: {error:?}");
    assert!(!error.is_retryable(), "{error:?}");
    for word in words {
        assert!(error.to_string().contains(word), "{url}: {error} does not say {word}: {error:?}");
    }
}

#[tokio::test]
async fn a_server_must_prove_who_it_is_and_who_cannot_is_refused_with_what_to_do() {
    let authority = Authority::new("the authority of a test");
    let (certificate, key) = authority.sign(&["localhost", NOT_LOCAL]);
    let Some(server) = onetape_testdb::tls_server(&certificate, &key).await else { return };
    let folder = tempfile::tempdir().unwrap();
    let right = authority.file(&folder, "right.pem");
    let wrong = Authority::new("another authority").file(&folder, "wrong.pem");
    let url =
        |host: &str, query: &str| format!("postgres://postgres@{host}:{}/postgres?{query}", server.port());
    let root = |path: &PathBuf| format!("sslrootcert={}", path.display());

    // A host that is not local, and a local one that is asked for it.
    for url in [
        url(NOT_LOCAL, &root(&right)),
        url(NOT_LOCAL, &format!("sslmode=verify-full&{}", root(&right))),
        url("localhost", &format!("sslmode=verify-full&{}", root(&right))),
    ] {
        let store = TimescaleStore::connect(&url).await.unwrap();
        let report = store.doctor(&ManualClock::new(support::START)).await.unwrap();
        assert!(report.tls.as_deref().is_some_and(|tls| tls.starts_with("TLSv1.")), "{report}");
        let tls = report.findings.iter().find(|finding| finding.check == "tls").unwrap();
        assert_eq!(tls.severity, Severity::Ok, "{report}");
    }
    refused(&url(NOT_LOCAL, &root(&wrong)), &["certificate is refused", "sslrootcert=FILE"]).await;
    refused(&url(NOT_LOCAL, ""), &["certificate is refused", "sslrootcert=FILE"]).await;
    let other_name = url("127.0.0.1", &format!("sslmode=verify-full&{}", root(&right)));
    refused(&other_name, &["certificate is refused", "connect by a name that it holds"]).await;

    // Less is refused before anything is sent, and can be had by name; the doctor then tells.
    for less in ["disable", "allow", "prefer", "require", "verify-ca"] {
        let query = format!("sslmode={less}&{}", root(&right));
        refused(&url(NOT_LOCAL, &query), &["allow_insecure_tls=0.0.0.0", "sslmode=verify-full"]).await;
        let named = url(NOT_LOCAL, &format!("{query}&allow_insecure_tls={NOT_LOCAL}"));
        let store = TimescaleStore::connect(&named).await.unwrap();
        let report = store.doctor(&ManualClock::new(support::START)).await.unwrap();
        let tls = report.findings.iter().find(|finding| finding.check == "tls").unwrap();
        assert_eq!(tls.severity, Severity::Warning, "{less}: {report}");
        assert!(tls.remedy.contains("allow_insecure_tls"), "{less}: {report}");
    }
}

#[tokio::test]
async fn a_server_that_offers_no_tls_is_refused_where_it_must_prove_who_it_is() {
    let Some((_store, database)) = support::store().await else { return };
    let mut url = Url::parse(database.url()).unwrap();
    url.set_query(Some("sslmode=verify-full"));
    if TimescaleStore::connect(url.as_str()).await.is_ok() {
        eprintln!("SKIPPED: the test server has a certificate that verifies");
        return;
    }
    refused(url.as_str(), &["the server offers no TLS", "ssl = on"]).await;
    if url.host_str() == Some("127.0.0.1") {
        url.set_host(Some(NOT_LOCAL)).unwrap();
        url.set_query(None);
        refused(url.as_str(), &["the server offers no TLS"]).await;
    }
}
