//! A built site within the program, served like a folder.

use std::{
    borrow::Cow,
    future::{Ready, ready},
    io::{self, Cursor, ErrorKind},
    path::{Path, PathBuf},
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, SystemTime},
};

use rust_embed::{EmbeddedFile, RustEmbed};
use tokio::io::{AsyncRead, AsyncSeek, ReadBuf};
use tower_http::services::fs::{Backend, File, Metadata};

/// The files of a built site within the program. [`ServeDir`](tower_http::services::ServeDir) serves
/// them by the same rules as those of a folder.
#[derive(Clone, Copy, Debug)]
pub struct EmbeddedSite {
    get: fn(&str) -> Option<EmbeddedFile>,
    paths: fn() -> Vec<Cow<'static, str>>,
}

impl EmbeddedSite {
    /// The files of a folder like `target/site` that this type embeds.
    #[must_use]
    pub fn new<Files: RustEmbed>() -> Self {
        Self {
            get: Files::get,
            paths: || Files::iter().collect(),
        }
    }

    /// Returns the paths of all files.
    pub fn paths(&self) -> Vec<Cow<'static, str>> {
        (self.paths)()
    }

    /// Returns the content of a file.
    pub fn read(&self, path: &str) -> Option<Cow<'static, [u8]>> {
        self.file(path).map(|file| file.data)
    }

    /// Returns when a file was last modified before it was embedded.
    pub fn modified(&self, path: &str) -> SystemTime {
        let file = self.file(path);
        file.map_or(SystemTime::UNIX_EPOCH, |file| modified(&file))
    }

    fn file(&self, path: &str) -> Option<EmbeddedFile> {
        // rust-embed takes a backslash for a slash.
        let is_plain = !path.contains('\\');
        is_plain.then(|| (self.get)(path)).flatten()
    }

    fn find(&self, path: &Path) -> io::Result<SiteFile> {
        // `ServeDir` begins all paths with `./`.
        let path = path.strip_prefix(".").unwrap_or(path).to_str();
        let file = path.and_then(|path| self.file(path));
        let file = file.ok_or(ErrorKind::NotFound)?;
        Ok(SiteFile {
            metadata: SiteMetadata {
                modified: modified(&file),
                length: file.data.len() as u64,
            },
            content: Cursor::new(file.data),
        })
    }
}

fn modified(file: &EmbeddedFile) -> SystemTime {
    let seconds = file.metadata.last_modified().unwrap_or_default();
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

impl Backend for EmbeddedSite {
    type File = SiteFile;
    type Metadata = SiteMetadata;
    type OpenFuture = Ready<io::Result<SiteFile>>;
    type MetadataFuture = Ready<io::Result<SiteMetadata>>;

    fn open(&self, path: PathBuf) -> Self::OpenFuture {
        ready(self.find(&path))
    }

    fn metadata(&self, path: PathBuf) -> Self::MetadataFuture {
        ready(self.find(&path).map(|file| file.metadata))
    }
}

/// A file of the site that is read.
pub struct SiteFile {
    metadata: SiteMetadata,
    content: Cursor<Cow<'static, [u8]>>,
}

impl File for SiteFile {
    type Metadata = SiteMetadata;
    type MetadataFuture<'a> = Ready<io::Result<SiteMetadata>>;

    fn metadata(&self) -> Self::MetadataFuture<'_> {
        ready(Ok(self.metadata))
    }
}

impl AsyncRead for SiteFile {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.content).poll_read(context, buffer)
    }
}

impl AsyncSeek for SiteFile {
    fn start_seek(mut self: Pin<&mut Self>, position: io::SeekFrom) -> io::Result<()> {
        Pin::new(&mut self.content).start_seek(position)
    }

    fn poll_complete(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<u64>> {
        Pin::new(&mut self.content).poll_complete(context)
    }
}

/// What is known about a file of the site.
#[derive(Clone, Copy)]
pub struct SiteMetadata {
    modified: SystemTime,
    length: u64,
}

impl Metadata for SiteMetadata {
    fn is_dir(&self) -> bool {
        // Only files are embedded, and paths of folders are responded to as if nothing was there.
        false
    }

    fn modified(&self) -> io::Result<SystemTime> {
        Ok(self.modified)
    }

    fn len(&self) -> u64 {
        self.length
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, time::SystemTime};

    use axum::{
        Router,
        body::{Body, to_bytes},
    };
    use http::{HeaderMap, HeaderName, Method, Request, StatusCode, header};
    use rust_embed::RustEmbed;
    use tempfile::TempDir;
    use tower::ServiceExt;

    use super::EmbeddedSite;
    use crate::{pages, site::SiteFiles};

    /// A small site, with files that are compressed in both ways, in one, and in none.
    #[derive(RustEmbed)]
    #[folder = "tests/site"]
    struct Fixture;

    /// The fixture, embedded and in a folder.
    struct Sites {
        embedded: Router,
        folder: Router,
        _folder: TempDir,
    }

    #[derive(Debug, PartialEq)]
    struct Answer {
        status: StatusCode,
        headers: HeaderMap,
        body: String,
    }

    fn in_folder() -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        let site = EmbeddedSite::new::<Fixture>();
        for path in Fixture::iter() {
            let file = folder.path().join(&*path);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(&file, site.read(&path).unwrap()).unwrap();
            let file = fs::File::options().write(true).open(file).unwrap();
            file.set_modified(site.modified(&path)).unwrap();
        }
        folder
    }

    impl Sites {
        fn new(router: impl Fn(SiteFiles) -> Router) -> Self {
            let folder = in_folder();
            let embedded = SiteFiles::embedded(EmbeddedSite::new::<Fixture>()).unwrap();
            Self {
                embedded: router(embedded),
                folder: router(SiteFiles::find(folder.path()).unwrap()),
                _folder: folder,
            }
        }

        /// Both respond in the same way. Returns how.
        async fn ask(&self, method: &Method, path: &str, headers: &[(&str, &str)]) -> Answer {
            let ask = async |router: &Router| {
                let mut request = Request::builder().method(method).uri(path);
                for (name, value) in headers {
                    request = request.header(*name, *value);
                }
                let request = request.body(Body::empty()).unwrap();
                let response = router.clone().oneshot(request).await.unwrap();
                let (mut parts, body) = response.into_parts();
                let body = to_bytes(body, usize::MAX).await.unwrap();
                let mut body = String::from_utf8_lossy(&body).into_owned();
                let policy = parts.headers.remove(header::CONTENT_SECURITY_POLICY);
                if policy.is_some() {
                    // Pages differ in their nonce.
                    body = "a page".to_owned();
                } else if parts.headers.contains_key(header::CONTENT_ENCODING)
                    && !parts.headers.contains_key(header::CONTENT_LENGTH)
                {
                    // Compressed now: the same content does not always lead to the same bytes.
                    body = "compressed".to_owned();
                }
                Answer {
                    status: parts.status,
                    headers: parts.headers,
                    body,
                }
            };
            let embedded = ask(&self.embedded).await;
            let folder = ask(&self.folder).await;
            assert_eq!(embedded, folder, "{method} {path} {headers:?}");
            assert!(
                !embedded.status.is_server_error(),
                "{method} {path} {embedded:?}"
            );
            embedded
        }
    }

    impl Answer {
        fn header(&self, name: HeaderName) -> &str {
            let value = self.headers.get(name);
            value.map_or("", |value| value.to_str().unwrap())
        }
    }

    fn program() -> Sites {
        Sites::new(|site| pages::router(site, "http://localhost", app::SignInWays::default()))
    }

    #[tokio::test]
    async fn embedded_files_are_served_like_those_in_a_folder() {
        let sites = program();
        let encodings = [
            "",
            "br",
            "gzip",
            "gzip, deflate, br, zstd",
            "br;q=0, gzip",
            "deflate",
            "identity",
            "*",
            "identity;q=0",
            "*;q=0",
            "br;q=0.5, gzip;q=0.9",
            "nonsense",
        ];
        let ranges = [
            "bytes=0-3",
            "bytes=-2",
            "bytes=5-",
            "bytes=9999-",
            "bytes=0-1,3-4",
            "bytes=3-1",
            "lines=1-2",
            "",
        ];
        for path in Fixture::iter() {
            let path = format!("/{path}");
            for method in [Method::POST, Method::OPTIONS] {
                sites
                    .ask(&method, &path, &[("accept-encoding", "br")])
                    .await;
            }
            for method in [Method::GET, Method::HEAD] {
                for encoding in encodings {
                    let encoding = ("accept-encoding", encoding);
                    let answer = sites.ask(&method, &path, &[encoding]).await;
                    let etag = answer.header(header::ETAG).to_owned();
                    let modified = answer.header(header::LAST_MODIFIED).to_owned();
                    for (name, value) in [
                        ("if-none-match", etag.as_str()),
                        ("if-none-match", &format!("W/{etag}, \"x\"")),
                        ("if-none-match", "*"),
                        ("if-none-match", "\"x\""),
                        ("if-match", &etag),
                        ("if-match", "\"x\""),
                        ("if-modified-since", &modified),
                        ("if-modified-since", "Thu, 01 Jan 1970 00:00:00 GMT"),
                        ("if-unmodified-since", "Thu, 01 Jan 1970 00:00:00 GMT"),
                        ("if-modified-since", "yesterday"),
                    ] {
                        sites.ask(&method, &path, &[encoding, (name, value)]).await;
                    }
                    for range in ranges {
                        sites
                            .ask(&method, &path, &[encoding, ("range", range)])
                            .await;
                    }
                }
            }
        }
    }

    #[tokio::test]
    async fn embedded_files_can_be_cached_compressed_and_resumed() {
        let sites = program();
        let path = "/pkg/latchkey.x.js";
        let content = "import*as t from\"./__wasm_split.x.js\";\n";
        let plain = sites.ask(&Method::GET, path, &[]).await;
        assert_eq!(
            (plain.status, plain.body.as_str()),
            (StatusCode::OK, content)
        );
        assert_eq!(plain.header(header::CONTENT_TYPE), "text/javascript");
        assert_eq!(
            plain.header(header::CONTENT_LENGTH),
            content.len().to_string()
        );
        assert_eq!(
            plain.header(header::CACHE_CONTROL),
            "public, max-age=31536000, immutable"
        );
        assert_eq!(plain.header(header::VARY), "accept-encoding");

        for (accepted, encoding, name) in [("gzip, br", "br", "Brotli"), ("gzip", "gzip", "gzip")] {
            let accepted = [("accept-encoding", accepted)];
            let compressed = sites.ask(&Method::GET, path, &accepted).await;
            assert_eq!(compressed.header(header::CONTENT_ENCODING), encoding);
            assert_eq!(compressed.header(header::CONTENT_TYPE), "text/javascript");
            assert!(compressed.body.contains(name), "{compressed:?}");
            assert_ne!(compressed.header(header::ETAG), plain.header(header::ETAG));
            let head = sites.ask(&Method::HEAD, path, &accepted).await;
            assert_eq!((head.status, head.body.as_str()), (StatusCode::OK, ""));
            assert_eq!(head.headers, compressed.headers);
        }

        let etag = [("if-none-match", plain.header(header::ETAG))];
        let unchanged = sites.ask(&Method::GET, path, &etag).await;
        assert_eq!(unchanged.status, StatusCode::NOT_MODIFIED);
        assert_eq!(unchanged.body, "");
        let part = sites
            .ask(&Method::GET, path, &[("range", "bytes=7-11")])
            .await;
        assert_eq!(
            (part.status, part.body.as_str()),
            (StatusCode::PARTIAL_CONTENT, &content[7..12])
        );
        let beyond = sites
            .ask(&Method::GET, path, &[("range", "bytes=9999-")])
            .await;
        assert_eq!(beyond.status, StatusCode::RANGE_NOT_SATISFIABLE);

        let other = sites.ask(&Method::GET, "/robots.txt", &[]).await;
        assert_eq!(other.header(header::CACHE_CONTROL), "public, max-age=3600");
        let post = sites.ask(&Method::POST, path, &[]).await;
        assert_eq!(post.status, StatusCode::METHOD_NOT_ALLOWED);
    }

    #[tokio::test]
    async fn other_paths_lead_to_no_embedded_file() {
        let sites = program();
        let long = format!("/{}", "x".repeat(300));
        for path in [
            "/pkg",
            "/pkg/",
            "/fonts/",
            "/pkg/no-such-file.js",
            "/robots.txt/",
            "/robots.txt/x",
            "/../robots.txt",
            "/pkg/../robots.txt",
            "/pkg/%2e%2e/robots.txt",
            "/pkg%2f..%2frobots.txt",
            "/pkg%5clatchkey.x.js",
            "/ROBOTS.TXT",
            "/robots.txt%00",
            "/%00",
            "/%ff",
            "/pkg/latchkey.x.wasm.br",
            "/.",
            "/..",
            &long,
        ] {
            for method in [Method::GET, Method::HEAD] {
                for encoding in ["", "br, gzip"] {
                    let headers = [("accept-encoding", encoding)];
                    let answer = sites.ask(&method, path, &headers).await;
                    assert_eq!(answer.status, StatusCode::NOT_FOUND, "{method} {path}");
                    assert!(answer.body == "a page", "{method} {path} {answer:?}");
                }
            }
        }
        // Whatever these lead to, it is the same.
        for path in [
            "//robots.txt",
            "/./robots.txt",
            "/pkg//latchkey.x.js",
            "/robots%2etxt",
            "/robots.txt?x=y",
        ] {
            sites.ask(&Method::GET, path, &[]).await;
        }
    }

    #[tokio::test]
    async fn pages_load_embedded_files() {
        let folder = in_folder();
        let sites = [
            SiteFiles::embedded(EmbeddedSite::new::<Fixture>()).unwrap(),
            SiteFiles::find(folder.path()).unwrap(),
        ];
        for site in &sites {
            let mut files = site.files();
            files.sort();
            let expected = [
                "/fonts/figtree.812e1f09.woff2",
                "/icon.svg",
                "/manifest.webmanifest",
                "/pkg/__wasm_split.x.js",
                "/pkg/__wasm_split_manifest.x.json",
                "/pkg/chunk_1.x.wasm",
                "/pkg/latchkey.x.css",
                "/pkg/latchkey.x.js",
                "/pkg/latchkey.x.wasm",
            ];
            assert_eq!(files, expected);
            let page = site.current();
            assert_eq!(page.wasm, "/pkg/latchkey.x.wasm");
            assert_eq!(page.split_js.as_deref(), Some("/pkg/__wasm_split.x.js"));
            assert_eq!(page.chunks["login"], ["/pkg/chunk_1.x.wasm"]);
        }
        let within = Sites::new(|site| {
            pages::embedded(site, "http://localhost", app::SignInWays::default())
        });
        for path in sites[0].files() {
            let answer = within.ask(&Method::GET, &path, &[]).await;
            assert_eq!(answer.status, StatusCode::OK, "{path}");
        }
    }

    #[test]
    fn an_incomplete_site_is_refused() {
        #[derive(RustEmbed)]
        #[folder = "tests/site/fonts"]
        struct Fonts;

        let failure = SiteFiles::embedded(EmbeddedSite::new::<Fonts>()).unwrap_err();
        assert!(failure.to_string().contains("make build"), "{failure}");
        let site = EmbeddedSite::new::<Fonts>();
        assert_eq!(site.modified("no such file"), SystemTime::UNIX_EPOCH);
    }
}
