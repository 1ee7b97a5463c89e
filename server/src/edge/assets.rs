//! The built site: hashed files that never change, files that may, and the service worker with its list of them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use axum::Router;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use http::{HeaderValue, Method, StatusCode};
use leptos::config::LeptosOptions;
use sha2::{Digest, Sha256};
use tower::ServiceExt;
use tower_http::services::ServeDir;

use super::Edge;

const IMMUTABLE: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// Fonts and pictures keep their names, so they are asked for again after a while.
const A_DAY: HeaderValue = HeaderValue::from_static("public, max-age=86400");
const ASK_AGAIN: HeaderValue = HeaderValue::from_static("no-cache");
const BUILD_IT: &str = "Run `cargo xtask build` (or `cargo leptos build`), or name another folder with --site; \
    `kava serve --api-only` serves REST without pages.";

/// A site folder that was found whole.
#[derive(Clone, Debug)]
pub struct Site {
    root: PathBuf,
    /// hash.txt, absolute; `None` when the files carry no hashes.
    hashes: Option<PathBuf>,
}

impl Site {
    /// Looks whether the site is there and whole, because leptos would panic or name files that do not exist.
    ///
    /// # Errors
    /// Says what is missing and which command makes it.
    pub fn open(root: &Path) -> anyhow::Result<Self> {
        let root =
            root.canonicalize().with_context(|| format!("There is no built site in {}. {BUILD_IT}", root.display()))?;
        let pkg = root.join("pkg");
        let beside = std::env::current_exe().ok().and_then(|exe| Some(exe.parent()?.join("hash.txt")));
        let hashes = beside.into_iter().chain([root.join("hash.txt")]).find(|path| path.is_file());
        let plain = pkg.join("kava.js").is_file() && pkg.join("kava.wasm").is_file();
        let Some(hashes) = hashes else {
            if plain {
                return Ok(Self { root, hashes: None });
            }
            bail!(
                "The site in {} has no plain kava.js and kava.wasm, and the hash.txt that names the hashed ones is \
                 neither beside this program nor in the site. {BUILD_IT}",
                root.display()
            );
        };
        let text = std::fs::read_to_string(&hashes).with_context(|| format!("{} cannot be read.", hashes.display()))?;
        let missing = text
            .lines()
            .filter_map(|line| line.split_once(':'))
            .map(|(kind, hash)| (kind.trim(), hash.trim()))
            .filter(|(kind, _)| matches!(*kind, "js" | "wasm" | "css"))
            .map(|(kind, hash)| pkg.join(format!("kava.{hash}.{kind}")))
            .find(|path| !path.is_file());
        match missing {
            None => Ok(Self { root, hashes: Some(hashes) }),
            Some(_) if plain => Ok(Self { root, hashes: None }),
            Some(path) => bail!(
                "{} names {}, which is not there: program and site are of different builds. {BUILD_IT}",
                hashes.display(),
                path.display()
            ),
        }
    }

    /// What leptos needs to know to name the files.
    #[must_use]
    pub fn options(&self) -> LeptosOptions {
        let options = LeptosOptions::builder()
            .output_name("kava")
            .site_root(self.root.display().to_string())
            .site_pkg_dir("pkg")
            .hash_files(self.hashes.is_some());
        // leptos joins this to its own folder, and joining an absolute path gives that path.
        match &self.hashes {
            Some(path) => options.hash_file(path.display().to_string().into()).build(),
            None => options.build(),
        }
    }

    #[must_use]
    pub fn files(&self) -> Files {
        let files = ServeDir::new(&self.root).append_index_html_on_directories(false);
        Files(files.precompressed_br().precompressed_gzip())
    }

    /// The service worker, where the site has one.
    ///
    /// # Errors
    /// When the site's files cannot be read.
    pub fn router(&self) -> anyhow::Result<Router<Edge>> {
        let Ok(template) = std::fs::read_to_string(self.root.join("sw.js")) else {
            return Ok(Router::new());
        };
        let kept = self.kept()?;
        let mut digest = Sha256::new();
        digest.update(&template);
        for (url, bytes) in &kept {
            digest.update(url);
            digest.update([0]);
            digest.update(Sha256::digest(bytes));
        }
        let build: String = digest.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let urls: Vec<&str> = kept.iter().map(|(url, _)| url.as_str()).chain(["/offline"]).collect();
        let script: Arc<str> =
            template.replace("__BUILD__", &build).replace("__PRECACHE__", &serde_json::to_string(&urls)?).into();
        let worker = move || async move {
            // A worker fetches under its own policy, not under its page's.
            let headers = [
                (CONTENT_TYPE, "text/javascript; charset=utf-8"),
                (CACHE_CONTROL, "no-cache"),
                (CONTENT_SECURITY_POLICY, "default-src 'self'"),
            ];
            (headers, script.to_string()).into_response()
        };
        Ok(Router::new().route("/sw.js", get(worker)))
    }

    /// The files that the phone keeps, in order, with what they hold.
    fn kept(&self) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
        let mut kept = Vec::new();
        let mut folders = vec![self.root.clone()];
        while let Some(folder) = folders.pop() {
            let entries =
                std::fs::read_dir(&folder).with_context(|| format!("{} cannot be read.", folder.display()))?;
            for entry in entries {
                let path = entry?.path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let Some(url) =
                    path.strip_prefix(&self.root).ok().and_then(Path::to_str).map(|name| format!("/{name}"))
                else {
                    continue;
                };
                if self.is_kept(&url) {
                    let bytes = std::fs::read(&path).with_context(|| format!("{} cannot be read.", path.display()))?;
                    kept.push((url, bytes));
                }
            }
        }
        kept.sort();
        Ok(kept)
    }

    /// Of `/pkg`, only what this very build's pages ask for: older builds may still lie there.
    fn is_kept(&self, url: &str) -> bool {
        let kind = url.rsplit('.').next().unwrap_or_default();
        if let Some(name) = url.strip_prefix("/pkg/") {
            let current = match &self.hashes {
                Some(path) => std::fs::read_to_string(path).is_ok_and(|text| {
                    text.lines().filter_map(|line| line.split_once(':')).any(|(_, hash)| name.contains(hash.trim()))
                }),
                None => name.starts_with("kava."),
            };
            return current && matches!(kind, "js" | "wasm" | "css");
        }
        url != "/sw.js" && matches!(kind, "js" | "woff2" | "svg" | "png" | "webmanifest")
    }
}

/// The files of the site, with how long each may be kept.
#[derive(Clone)]
pub struct Files(ServeDir);

impl Files {
    /// The file, or `None` when there is none of this name.
    pub async fn answer(&self, asked: http::Request<()>) -> Option<Response> {
        if !matches!(*asked.method(), Method::GET | Method::HEAD) {
            return None;
        }
        let path = asked.uri().path().to_owned();
        if path == "/hash.txt" || path.split('/').any(|part| part.starts_with('.')) {
            return None;
        }
        let asked = asked.map(|()| Body::empty());
        let mut response = match self.0.clone().oneshot(asked).await {
            Ok(response) => response.map(Body::new),
            Err(never) => match never {},
        };
        let status = response.status();
        if !status.is_success() && !matches!(status, StatusCode::NOT_MODIFIED | StatusCode::RANGE_NOT_SATISFIABLE) {
            return None;
        }
        let keep = match path.rsplit('.').next().unwrap_or_default() {
            _ if path.starts_with("/pkg/") && is_hashed(&path) => IMMUTABLE,
            "woff2" | "svg" | "png" | "ico" => A_DAY,
            _ => ASK_AGAIN,
        };
        response.headers_mut().insert(CACHE_CONTROL, keep);
        if path.ends_with(".webmanifest") {
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/manifest+json"));
        }
        Some(response)
    }
}

/// `name.HASH.kind`: its bytes decide its name.
fn is_hashed(path: &str) -> bool {
    path.rsplit('/').next().is_some_and(|name| name.split('.').count() >= 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str, files: &[(&str, &str)]) -> Self {
            let root = std::env::temp_dir().join(format!("kava-site-{}-{name}", std::process::id()));
            for (file, text) in files {
                let path = root.join(file);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, text).unwrap();
            }
            Self(root)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn what_is_missing_is_told_with_the_command_that_makes_it() {
        let error = Site::open(Path::new("/nowhere/at/all")).unwrap_err().to_string();
        assert!(error.contains("cargo xtask build"), "{error}");
        let folder = Folder::new("stale", &[("hash.txt", "js: abc\nwasm: def\n"), ("pkg/kava.abc.js", "")]);
        let error = Site::open(&folder.0).unwrap_err().to_string();
        assert!(error.contains("kava.def.wasm"), "{error}");
        let folder = Folder::new("empty", &[("pkg/other.js", "")]);
        assert!(Site::open(&folder.0).unwrap_err().to_string().contains("hash.txt"));
    }

    #[tokio::test]
    async fn hashed_files_never_change_and_others_are_asked_for_again() {
        let folder = Folder::new(
            "whole",
            &[
                ("hash.txt", "js: abc\nwasm: def\n"),
                ("pkg/kava.abc.js", "js"),
                ("pkg/kava.abc.js.br", "br"),
                ("pkg/kava.def.wasm", "wasm"),
                ("pkg/kava.old.js", "old"),
                ("manifest.en.webmanifest", "{}"),
                (".secret", "x"),
                ("sw.js", "const BUILD = \"__BUILD__\"; const PRECACHE = __PRECACHE__;"),
            ],
        );
        let site = Site::open(&folder.0).unwrap();
        assert!(site.options().hash_files);
        let get = |path: &'static str, encoding: &'static str| {
            let files = site.files();
            async move {
                let request = http::Request::get(path).header("accept-encoding", encoding).body(()).unwrap();
                files.answer(request).await
            }
        };
        let response = get("/pkg/kava.abc.js", "br").await.unwrap();
        assert_eq!(response.headers()[CACHE_CONTROL], IMMUTABLE);
        assert_eq!(response.headers()["content-encoding"], "br");
        assert_eq!(get("/manifest.en.webmanifest", "").await.unwrap().headers()[CACHE_CONTROL], ASK_AGAIN);
        for path in ["/.secret", "/hash.txt", "/pkg", "/", "/../Cargo.toml", "/%2e%2e/Cargo.toml"] {
            assert!(get(path, "").await.is_none(), "{path}");
        }
        let kept: Vec<String> = site.kept().unwrap().into_iter().map(|(url, _)| url).collect();
        assert_eq!(kept, ["/manifest.en.webmanifest", "/pkg/kava.abc.js", "/pkg/kava.def.wasm"]);
    }
}
