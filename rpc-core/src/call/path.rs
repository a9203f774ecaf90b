//! The chain of calls that a call is nested in, shared by all its children.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use crate::error::{Kind, RpcError};

/// Longest chain of nested calls. Real call trees are a handful deep; a longer chain is a cycle that would otherwise eat the cluster.
pub const MAX_CALL_DEPTH: usize = 32;

/// Longest text of a path that is read from a request: [`MAX_CALL_DEPTH`] names of a kilobyte, half of what all headers may have.
pub const MAX_PATH_TEXT: usize = MAX_CALL_DEPTH * 1024;

/// The methods that are waiting for a call, outermost first. Cloning is one reference count; a call at the root has none.
#[derive(Clone, Default)]
pub struct Path(Option<Arc<Link>>);

struct Link {
    name: Cow<'static, str>,
    depth: usize,
    parent: Path,
}

impl Path {
    /// The path of a call that no other call waits for.
    pub const fn root() -> Self {
        Self(None)
    }

    /// How many calls wait.
    pub fn depth(&self) -> usize {
        self.0.as_ref().map_or(0, |link| link.depth)
    }

    /// This path with one more call at its inner end.
    ///
    /// # Errors
    /// [`Kind::TooDeep`], naming the path, when it has [`MAX_CALL_DEPTH`] calls already.
    pub fn nest(&self, name: impl Into<Cow<'static, str>>) -> Result<Self, RpcError> {
        self.has_room()?;
        Ok(Self(Some(Arc::new(Link { name: name.into(), depth: self.depth() + 1, parent: self.clone() }))))
    }

    /// Whether one more call may wait.
    ///
    /// # Errors
    /// [`Kind::TooDeep`], naming the path, when [`MAX_CALL_DEPTH`] calls wait already.
    pub(crate) fn has_room(&self) -> Result<(), RpcError> {
        if self.depth() < MAX_CALL_DEPTH {
            return Ok(());
        }
        let message = format!("calls are nested more than {MAX_CALL_DEPTH} deep, most likely in a cycle: {self}");
        Err(RpcError::new(Kind::TooDeep, message))
    }

    /// The path as a header's value: names may hold any letter, headers only those of ASCII.
    pub fn to_header(&self) -> String {
        self.to_string()
            .chars()
            .map(|c| if c.is_ascii_graphic() { c.to_string() } else { c.escape_unicode().to_string() })
            .collect()
    }

    /// How many bytes [`write_text`](Self::write_text) appends.
    pub(crate) fn text_len(&self) -> usize {
        let mut length = 0;
        let mut rest = self;
        while let Some(link) = &rest.0 {
            length += link.name.len() + usize::from(link.parent.0.is_some());
            rest = &link.parent;
        }
        length
    }

    /// Appends what `Display` writes, without its machinery.
    pub(crate) fn write_text(&self, out: &mut Vec<u8>) {
        let Some(link) = &self.0 else { return };
        // As deep as the path, which is capped.
        link.parent.write_text(out);
        if link.parent.0.is_some() {
            out.push(b'>');
        }
        out.extend_from_slice(link.name.as_bytes());
    }

    /// Reads what [`to_header`](Self::to_header) wrote. Names with other letters stay escaped: they are for people only.
    ///
    /// # Errors
    /// [`Kind::TooDeep`] for more than [`MAX_CALL_DEPTH`] names, [`Kind::InvalidRequest`] for text that is too long, and for a name that is
    /// no `Service.method`.
    pub fn parse(text: &str) -> Result<Self, RpcError> {
        if text.len() > MAX_PATH_TEXT {
            return Err(RpcError::new(
                Kind::InvalidRequest,
                format!("the call path is longer than {MAX_PATH_TEXT} bytes"),
            ));
        }
        text.split('>').try_fold(Self::root(), |path, name| {
            if name.rsplit_once('.').is_none_or(|(service, method)| service.is_empty() || method.is_empty()) {
                let message = "the call path holds something that is no method's name";
                return Err(RpcError::new(Kind::InvalidRequest, message));
            }
            path.nest(name.to_owned())
        })
    }

    fn names(&self) -> Vec<&str> {
        let mut names = Vec::with_capacity(self.depth());
        let mut rest = self;
        while let Some(link) = &rest.0 {
            names.push(link.name.as_ref());
            rest = &link.parent;
        }
        names.reverse();
        names
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.names().join(">"))
    }
}

impl fmt::Debug for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Path({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_reads_back_and_is_capped() {
        let mut path = Path::root();
        for _ in 0..MAX_CALL_DEPTH {
            path = path.nest("A.b").expect("within the cap");
        }
        assert_eq!(Path::parse(&path.to_string()).expect("reads back").depth(), MAX_CALL_DEPTH);
        let refused = path.nest("A.b").expect_err("one too many");
        assert_eq!(refused.kind(), Kind::TooDeep);
        assert!(refused.message().contains("A.b>A.b"));
    }

    #[test]
    fn a_path_of_anything_but_methods_is_refused() {
        for text in ["", ">", ">>>", "A.b>", ">A.b", "A.b>>C.d", "nodots", "A.", ".b", "A.b>C"] {
            assert_eq!(
                Path::parse(text).map(|path| path.depth()).map_err(|error| error.kind()),
                Err(Kind::InvalidRequest)
            );
        }
        let path = Path::parse("a.A.b>C.d").expect("two methods");
        let mut text = Vec::new();
        path.write_text(&mut text);
        assert_eq!((path.to_string().as_bytes(), path.text_len()), (&text[..], 9));
        assert_eq!(text, b"a.A.b>C.d");
    }
}
