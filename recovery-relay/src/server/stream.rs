//! A connection with manners: it is cut off if its client takes nothing, and it does not hang up on a client that
//! is still talking.
//!
//! A request may be refused before its body was read. If the socket were then closed with octets unread, the system
//! would tell the client so at once, and the client might never see the answer. So closing first says that no more
//! will come, and then for a while reads and throws away.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// How much is thrown away at the end.
const LINGER_OCTETS: usize = 2 * 1_024 * 1_024;
/// How long the client may pause meanwhile.
const LINGER_PAUSE: Duration = Duration::from_millis(250);

/// See the [module](self).
pub(super) struct Stream<S> {
    stream: S,
    patience: Duration,
    /// Runs while a write, or the client's last words, are waited for.
    alarm: Option<Pin<Box<Sleep>>>,
    /// Octets thrown away so far, once it is closing.
    closing: Option<usize>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Stream<S> {
    pub(super) fn new(stream: S, patience: Duration) -> Self {
        Self { stream, patience, alarm: None, closing: None }
    }

    /// Passes on what a write said; one that waits for too long fails.
    fn watch<T>(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.alarm = None;
            return written;
        }
        ready!(self.wait(self.patience, cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    /// Ready once it was asked for this long.
    fn wait(&mut self, time: Duration, cx: &mut Context<'_>) -> Poll<()> {
        self.alarm.get_or_insert_with(|| Box::pin(sleep(time))).as_mut().poll(cx)
    }

    /// Reads and throws away until the client is done, pauses, or goes on for too long.
    fn linger(&mut self, mut thrown: usize, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut octets = [0; 8_192];
        while thrown < LINGER_OCTETS {
            let mut piece = ReadBuf::new(&mut octets);
            match Pin::new(&mut self.stream).poll_read(cx, &mut piece) {
                Poll::Ready(Ok(())) if !piece.filled().is_empty() => {
                    thrown += piece.filled().len();
                    self.closing = Some(thrown);
                    self.alarm = None;
                }
                Poll::Ready(_) => break,
                Poll::Pending => {
                    ready!(self.wait(LINGER_PAUSE, cx));
                    break;
                }
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Stream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Stream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.watch(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.watch(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let thrown = match self.closing {
            Some(thrown) => thrown,
            None => {
                ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
                self.alarm = None;
                *self.closing.insert(0)
            }
        };
        self.linger(thrown, cx)
    }
}
