//! Downloads against servers that behave and servers that do not.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use klamm_core::model::Sha256;
use tempfile::TempDir;

use super::*;
use crate::cache::Cache;
use crate::mirrors::Registry;
use crate::test_server::{Asked, Reply, TestServer, supply_from};

/// Long enough for several chunks and for an attempt to count as progress.
fn content() -> Vec<u8> {
    (0..300_000_u32).flat_map(|number| number.wrapping_mul(2_654_435_761).to_be_bytes()).collect()
}

fn wanted_of(content: &[u8]) -> Wanted {
    Wanted {
        file: "a-1.jar".into(),
        registry: Registry::Maven,
        path: "org/a/1/a-1.jar".into(),
        size: content.len() as u64,
        sha256: Sha256::of(content),
    }
}

fn scratch() -> (TempDir, Cache) {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(folder.path().join("cache")).unwrap();
    (folder, cache)
}

fn partials(cache: &Cache) -> usize {
    fs::read_dir(cache.root().join("partial")).unwrap().count()
}

fn froms(server: &TestServer) -> Vec<Option<usize>> {
    server.asked().into_iter().map(|asked| asked.from).collect()
}

#[tokio::test]
async fn a_file_is_fetched_from_its_repository_path_verified_and_made_read_only() {
    let (_folder, cache) = scratch();
    let bytes = content();
    let wanted = wanted_of(&bytes);
    let server = TestServer::start(move |asked| Reply::ranged(&bytes, asked));
    fetch_all(&server.supply(&cache), vec![wanted.clone()]).await.unwrap();
    let blob = cache.blob(wanted.sha256);
    assert_eq!(fs::read(&blob).unwrap(), content());
    assert_eq!(server.asked(), [Asked { path: "/org/a/1/a-1.jar".into(), from: None }]);
    let metadata = fs::metadata(&blob).unwrap();
    assert!(metadata.permissions().readonly());
    let seconds = metadata.modified().unwrap().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    assert_eq!((seconds, partials(&cache)), (1_000_000_000, 0));
}

#[tokio::test]
async fn a_broken_connection_is_continued_where_it_broke() {
    let (_folder, cache) = scratch();
    let (bytes, calls) = (content(), AtomicUsize::new(0));
    let wanted = wanted_of(&bytes);
    let server = TestServer::start(move |asked| match calls.fetch_add(1, Ordering::SeqCst) {
        0 => Reply::ranged(&bytes, asked).cut_after(500_000),
        _ => Reply::ranged(&bytes, asked),
    });
    fetch_all(&server.supply(&cache), vec![wanted.clone()]).await.unwrap();
    assert_eq!(fs::read(cache.blob(wanted.sha256)).unwrap(), content());
    let froms = froms(&server);
    assert_eq!((froms.len(), froms[0]), (2, None));
    assert!(froms[1].is_some_and(|from| from > 0 && from <= 500_000), "{froms:?}");
}

#[tokio::test]
async fn what_an_earlier_process_left_is_continued_by_the_next() {
    let (_folder, cache) = scratch();
    let bytes = content();
    let wanted = wanted_of(&bytes);
    fs::write(cache.partial(wanted.sha256), &bytes[..700_001]).unwrap();
    let server = TestServer::start(move |asked| Reply::ranged(&bytes, asked));
    let heard = Arc::new(Mutex::new(Vec::new()));
    let mut supply = server.supply(&cache);
    supply.progress = Arc::new({
        let heard = heard.clone();
        move |event: Progress<'_>| {
            if let Progress::Bytes { done, total } = event {
                heard.lock().unwrap().push((done, total));
            }
        }
    });
    fetch_all(&supply, vec![wanted.clone()]).await.unwrap();
    assert_eq!(froms(&server), [Some(700_001)]);
    let heard = heard.lock().unwrap();
    assert_eq!((heard[0], *heard.last().unwrap()), ((700_001, wanted.size), (wanted.size, wanted.size)));
}

#[tokio::test]
async fn a_server_without_ranges_sends_everything_again() {
    let (_folder, cache) = scratch();
    let bytes = content();
    let wanted = wanted_of(&bytes);
    fs::write(cache.partial(wanted.sha256), &bytes[..1000]).unwrap();
    let server = TestServer::start(move |_| Reply::whole(&bytes));
    fetch_all(&server.supply(&cache), vec![wanted.clone()]).await.unwrap();
    assert_eq!(fs::read(cache.blob(wanted.sha256)).unwrap(), content());
    assert_eq!(froms(&server), [Some(1000)]);
}

#[tokio::test]
async fn a_damaged_beginning_on_disk_costs_one_more_download_and_no_failure() {
    let (_folder, cache) = scratch();
    let bytes = content();
    let wanted = wanted_of(&bytes);
    fs::write(cache.partial(wanted.sha256), vec![0; 5000]).unwrap();
    let server = TestServer::start(move |asked| Reply::ranged(&bytes, asked));
    fetch_all(&server.supply(&cache), vec![wanted.clone()]).await.unwrap();
    assert_eq!(fs::read(cache.blob(wanted.sha256)).unwrap(), content());
    assert_eq!(froms(&server), [Some(5000), None]);
}

#[tokio::test]
async fn another_file_under_the_name_is_refused_with_both_digests_and_deleted() {
    let (_folder, cache) = scratch();
    let wanted = wanted_of(&content());
    let mut other = content();
    other[77] ^= 1;
    let found = Sha256::of(&other);
    let server = TestServer::start(move |asked| Reply::ranged(&other, asked));
    let refused = fetch_all(&server.supply(&cache), vec![wanted.clone()]).await.unwrap_err();
    let told = refused.to_string();
    for part in ["a-1.jar", &server.url(), &wanted.sha256.to_string(), &found.to_string()] {
        assert!(told.contains(part), "{told} lacks {part}");
    }
    assert!(!cache.blob(wanted.sha256).exists());
    assert_eq!((partials(&cache), server.asked().len()), (0, 1));
}

#[tokio::test]
async fn a_file_of_another_size_is_refused_before_it_is_downloaded() {
    let (_folder, cache) = scratch();
    let wanted = wanted_of(&content());
    let server = TestServer::start(|_| Reply::whole(b"<html>please sign in</html>"));
    let refused = fetch_all(&server.supply(&cache), vec![wanted.clone()]).await.unwrap_err();
    assert!(matches!(refused, FetchError::Size { expected: 1_200_000, found: 27, .. }), "{refused:?}");
    assert_eq!((partials(&cache), server.asked().len()), (0, 1));
}

#[tokio::test]
async fn a_server_that_always_stops_early_ends_in_a_bounded_number_of_attempts() {
    let (_folder, cache) = scratch();
    let bytes = content();
    let wanted = wanted_of(&bytes);
    let server = TestServer::start(move |asked| Reply::ranged(&bytes, asked).cut_after(10));
    let failed = fetch_all(&server.supply(&cache), vec![wanted]).await.unwrap_err();
    assert!(failed.is_transient() && failed.to_string().contains("a-1.jar"), "{failed:?}");
    assert_eq!(server.asked().len(), 5);
    assert_eq!(partials(&cache), 1);
}

#[tokio::test]
async fn a_busy_server_is_asked_again_and_a_missing_file_is_not() {
    let (_folder, cache) = scratch();
    let (bytes, calls) = (content(), AtomicUsize::new(0));
    let wanted = wanted_of(&bytes);
    let server = TestServer::start(move |asked| match calls.fetch_add(1, Ordering::SeqCst) {
        0 => Reply { headers: vec!["Retry-After: 9999".into()], ..Reply::status(503) },
        1 => Reply::status(429),
        _ => Reply::ranged(&bytes, asked),
    });
    fetch_all(&server.supply(&cache), vec![wanted]).await.unwrap();
    assert_eq!(server.asked().len(), 3);

    let missing = TestServer::start(|_| Reply::status(404));
    let other = Wanted { sha256: Sha256::of(b"other"), ..wanted_of(b"other") };
    let failed = fetch_all(&missing.supply(&cache), vec![other]).await.unwrap_err();
    assert!(matches!(failed, FetchError::Status { status: 404, .. }), "{failed:?}");
    assert_eq!(missing.asked().len(), 1);
}

#[tokio::test]
async fn the_next_source_is_asked_when_a_mirror_lacks_the_file_but_not_when_it_lies() {
    let (_folder, cache) = scratch();
    let bytes = content();
    let wanted = wanted_of(&bytes);
    let good = TestServer::start(move |asked| Reply::ranged(&bytes, asked));
    let lacks = TestServer::start(|_| Reply::status(404));
    let lies = TestServer::start(|_| Reply::whole(&vec![1; 1_200_000]));

    let refused = fetch_all(&supply_from(&cache, &[lies.url(), good.url()]), vec![wanted.clone()]).await;
    assert!(matches!(refused, Err(FetchError::Digest { .. })), "{refused:?}");
    assert!(good.asked().is_empty());

    fetch_all(&supply_from(&cache, &[lacks.url(), good.url()]), vec![wanted.clone()]).await.unwrap();
    assert!(cache.blob(wanted.sha256).exists());

    let nowhere = Wanted { sha256: Sha256::of(b"x"), ..wanted_of(b"x") };
    let failed =
        fetch_all(&supply_from(&cache, &[lacks.url(), lacks.url()]), vec![nowhere]).await.unwrap_err();
    assert!(matches!(&failed, FetchError::Everywhere { tried, .. } if tried.len() == 1), "{failed:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_caches_on_one_folder_download_each_file_once() {
    let (_folder, cache) = scratch();
    let files: Vec<Vec<u8>> = (0..20_u8).map(|number| vec![number; 100_000]).collect();
    let wanted: Vec<Wanted> = files
        .iter()
        .enumerate()
        .map(|(number, file)| Wanted {
            path: number.to_string(),
            file: number.to_string(),
            ..wanted_of(file)
        })
        .collect();
    let server = TestServer::start(move |asked| {
        let number: usize = asked.path.trim_start_matches('/').parse().unwrap();
        Reply::ranged(&files[number], asked)
    });
    let other = Cache::open(cache.root()).unwrap();
    let (first, second) = (server.supply(&cache), server.supply(&other));
    let (a, b) = tokio::join!(fetch_all(&first, wanted.clone()), fetch_all(&second, wanted.clone()));
    a.unwrap();
    b.unwrap();
    assert_eq!(server.asked().len(), 20);
    assert!(wanted.iter().all(|wanted| cache.blob(wanted.sha256).exists()));
    assert_eq!(partials(&cache), 0);
}

#[tokio::test]
async fn nobody_listening_is_a_failed_connection_with_the_address() {
    let (_folder, cache) = scratch();
    let server = TestServer::start(|_| Reply::status(500));
    let url = server.url();
    drop(server);
    let failed =
        fetch_all(&supply_from(&cache, std::slice::from_ref(&url)), vec![wanted_of(b"x")]).await.unwrap_err();
    assert!(matches!(failed, FetchError::Unreachable { trouble: Trouble::Connect, .. }), "{failed:?}");
    assert!(failed.to_string().contains(&url));
}

#[tokio::test]
async fn a_name_without_an_address_is_told_apart_from_a_refused_connection() {
    let (_folder, cache) = scratch();
    let supply = supply_from(&cache, &["http://no-such-host.invalid".to_owned()]);
    let failed = fetch_all(&supply, vec![wanted_of(b"x")]).await.unwrap_err();
    assert!(matches!(failed, FetchError::Unreachable { trouble: Trouble::NameLookup, .. }), "{failed:?}");
}

#[tokio::test]
async fn a_server_whose_certificate_this_machine_does_not_trust_is_not_asked_again() {
    let (_folder, cache) = scratch();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key.into())
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    let handshakes = Arc::new(AtomicUsize::new(0));
    let counted = handshakes.clone();
    let server = tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            counted.fetch_add(1, Ordering::SeqCst);
            // Fails, as the client hangs up.
            let _ = acceptor.accept(stream).await;
        }
    });
    let failed = fetch_all(&supply_from(&cache, &[url]), vec![wanted_of(b"x")]).await.unwrap_err();
    server.abort();
    assert!(matches!(failed, FetchError::Unreachable { trouble: Trouble::Tls, .. }), "{failed:?}");
    assert_eq!(handshakes.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_full_disk_is_named_and_not_retried() {
    let (_folder, cache) = scratch();
    let bytes = content();
    let wanted = wanted_of(&bytes);
    let full: PathBuf = cache.partial(wanted.sha256);
    std::os::unix::fs::symlink("/dev/full", &full).unwrap();
    let server = TestServer::start(move |asked| Reply::ranged(&bytes, asked));
    let failed = fetch_all(&server.supply(&cache), vec![wanted]).await.unwrap_err();
    assert!(matches!(&failed, FetchError::NoRoom { path, .. } if *path == full), "{failed:?}");
    assert_eq!(server.asked().len(), 1);
}
