//! What a command printed, and what has to be true of it.

use serde_json::Value;
use std::process::Output;

/// What a command printed and how it ended.
#[derive(Debug)]
pub struct Out {
    /// The command, for messages.
    pub command: String,
    /// The exit code; -1 if a signal ended it.
    pub code: i32,
    /// The result.
    pub stdout: Vec<u8>,
    /// Everything else.
    pub stderr: String,
}

impl Out {
    pub(crate) fn new(command: String, output: Output) -> Self {
        Self {
            command,
            code: output.status.code().unwrap_or(-1),
            stdout: output.stdout,
            stderr: String::from_utf8(output.stderr).expect("stderr is text"),
        }
    }

    /// It ended like this.
    pub fn ended(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self}");
        self
    }

    /// It was done.
    pub fn done(self) -> Self {
        self.ended(0)
    }

    /// Standard output as text.
    #[must_use]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.stdout).expect("stdout is text")
    }

    /// It was done, and said so with one JSON object.
    pub fn json(self) -> Value {
        self.done().object()
    }

    /// Other people have to act first; one JSON object says so.
    pub fn not_yet(self) -> Value {
        self.ended(75).object()
    }

    /// Standard output is exactly one JSON object on one line.
    pub fn object(&self) -> Value {
        let text = self.text();
        let value: Value = serde_json::from_str(text).unwrap_or_else(|_| panic!("no JSON: {self}"));
        assert!(value.is_object(), "{self}");
        assert!(text.ends_with('\n') && text.trim_end().lines().count() == 1, "{self}");
        value
    }

    /// It failed with `code`: nothing on stdout, one line of JSON at the end of stderr.
    pub fn error(&self, code: &str) -> Value {
        let exit = if code == "usage" { 2 } else { 1 };
        assert_eq!(self.code, exit, "{self}");
        assert!(self.stdout.is_empty(), "{self}");
        let last = self.stderr.lines().last().unwrap_or_default();
        let value: Value = serde_json::from_str(last).unwrap_or_else(|_| panic!("no JSON: {self}"));
        let error = value.get("error").unwrap_or_else(|| panic!("no error: {self}"));
        for field in ["code", "message", "hint"] {
            let text = error.get(field).and_then(Value::as_str);
            assert!(text.is_some_and(is_sentence), "{field}: {self}");
        }
        assert_eq!(error.get("code").and_then(Value::as_str), Some(code), "{self}");
        error.clone()
    }

    /// It failed in words: what happened, and on a second line what to do.
    pub fn told(&self) -> &str {
        let mut lines = self.stderr.lines().rev();
        let (hint, error) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
        assert!(hint.starts_with("hint:") && error.starts_with("error: "), "{self}");
        error
    }
}

/// One line, not empty, without a doubled stop.
fn is_sentence(text: &str) -> bool {
    !text.is_empty() && !text.contains('\n') && !text.contains("..")
}

impl std::fmt::Display for Out {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let stdout = String::from_utf8_lossy(&self.stdout);
        write!(
            f,
            "`{}` ended with {}\n{stdout}\n--- stderr\n{}",
            self.command, self.code, self.stderr
        )
    }
}
