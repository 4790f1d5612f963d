//! Where the files of the built site come from: a folder, or the program itself.

use std::{borrow::Cow, convert::Infallible, fs, path::PathBuf, time::SystemTime};

use axum::{body::Body, response::Response, routing::MethodRouter};
use http::Request;
use tower::{ServiceBuilder, util::BoxCloneSyncService};
use tower_http::services::{
    ServeDir,
    fs::{Backend, DefaultServeDirFallback},
};

use crate::embedded_site::EmbeddedSite;

/// The service of the site's files.
pub type FileService = BoxCloneSyncService<Request<Body>, Response, Infallible>;

/// Where the files of the built site come from.
#[derive(Clone, Debug)]
pub enum SiteSource {
    /// A folder.
    Folder(PathBuf),
    /// The program.
    Embedded(EmbeddedSite),
}

impl SiteSource {
    /// Returns the names of the files in one of the site's folders, the newest last.
    pub fn names(&self, folder: &str) -> Vec<String> {
        let mut files: Vec<(SystemTime, String)> = match self {
            Self::Folder(root) => fs::read_dir(root.join(folder))
                .into_iter()
                .flatten()
                .flatten()
                .filter_map(|entry| {
                    let modified = entry.metadata().and_then(|file| file.modified());
                    let modified = modified.unwrap_or(SystemTime::UNIX_EPOCH);
                    Some((modified, entry.file_name().into_string().ok()?))
                })
                .collect(),
            Self::Embedded(site) => site
                .paths()
                .into_iter()
                .filter_map(|path| {
                    let name = path.strip_prefix(folder)?.strip_prefix('/')?;
                    Some((site.modified(&path), name.to_owned()))
                })
                .collect(),
        };
        files.sort_unstable();
        files.into_iter().map(|(_, name)| name).collect()
    }

    /// Returns the content of a file.
    pub fn read(&self, path: &str) -> Option<Cow<'static, [u8]>> {
        match self {
            Self::Folder(root) => fs::read(root.join(path)).ok().map(Cow::Owned),
            Self::Embedded(site) => site.read(path),
        }
    }

    /// Returns whether a file exists.
    pub fn has(&self, path: &str) -> bool {
        match self {
            Self::Folder(root) => root.join(path).is_file(),
            Self::Embedded(site) => site.read(path).is_some(),
        }
    }

    /// Returns the service of the files. It calls the fallback for paths that no file has.
    pub fn service(&self, fallback: MethodRouter) -> FileService {
        match self {
            Self::Folder(root) => service(ServeDir::new(root), fallback),
            Self::Embedded(site) => service(ServeDir::with_backend("", *site), fallback),
        }
    }
}

fn service<Source: Backend>(
    files: ServeDir<DefaultServeDirFallback, Source>,
    fallback: MethodRouter,
) -> FileService {
    let files = files
        .append_index_html_on_directories(false)
        .precompressed_br()
        .precompressed_gzip()
        .fallback(fallback);
    let files = ServiceBuilder::new()
        .map_response(|response: http::Response<_>| response.map(Body::new))
        .service(files);
    BoxCloneSyncService::new(files)
}
