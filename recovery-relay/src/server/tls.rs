//! TLS: a certificate and its key from two files, read again when they change.

use crate::config::{StartError, TlsFiles};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};
use tokio_rustls::TlsAcceptor;

/// How often the files are looked at.
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(5);

/// The certificate in use and where it came from.
pub(crate) struct Tls {
    files: TlsFiles,
    current: Mutex<Current>,
}

struct Current {
    config: Arc<ServerConfig>,
    stamp: Stamp,
}

/// Sizes and times of both files: when one differs, they are read again.
type Stamp = [Option<(u64, SystemTime)>; 2];

impl Tls {
    /// Reads both files.
    ///
    /// # Errors
    /// [`StartError::File`] names the one that is no good.
    pub(crate) fn load(files: &TlsFiles) -> Result<Self, StartError> {
        let current = Mutex::new(Current { stamp: stamp(files), config: read(files)? });
        Ok(Self { files: files.clone(), current })
    }

    /// For a new connection.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        let current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&current.config).into()
    }

    /// Reads the files again if they changed. What can't be used is told in the log, and the old stays in use.
    pub(super) fn renew(&self) {
        let stamp = stamp(&self.files);
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if stamp == current.stamp {
            return;
        }
        current.stamp = stamp;
        match read(&self.files) {
            Ok(config) => {
                current.config = config;
                tracing::info!("the new certificate is in use");
            }
            Err(error) => {
                tracing::error!(%error, "the new certificate can't be used; the old one stays")
            }
        }
    }
}

fn stamp(files: &TlsFiles) -> Stamp {
    [&files.cert, &files.key].map(|path| {
        let facts = fs::metadata(path).ok()?;
        Some((facts.len(), facts.modified().ok()?))
    })
}

/// The certificate, and those that vouch for it.
pub(crate) fn chain(files: &TlsFiles) -> Result<Vec<CertificateDer<'static>>, StartError> {
    CertificateDer::pem_file_iter(&files.cert)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| wrong(&files.cert, error))
}

/// The key.
pub(crate) fn key(files: &TlsFiles) -> Result<PrivateKeyDer<'static>, StartError> {
    PrivateKeyDer::from_pem_file(&files.key).map_err(|error| wrong(&files.key, error))
}

fn read(files: &TlsFiles) -> Result<Arc<ServerConfig>, StartError> {
    let (chain, key) = (chain(files)?, key(files)?);
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key));
    let mut config = config.map_err(|error| wrong(&files.cert, error))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn wrong(path: &Path, why: impl ToString) -> StartError {
    StartError::File { path: path.to_owned(), why: why.to_string() }
}
