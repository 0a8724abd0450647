//! The elements of a list, one after the other with blanks between them.

use std::io::{self, BufRead, Read};

use super::MAX_WHOLE_BYTES;

/// Most bytes of one element of a list.
pub const MAX_ELEMENT_BYTES: usize = 1 << 20;

/// Passes JSON on without the brackets of the outermost list and the commas in it. What is no list passes as it is, as
/// elements in lines are.
#[derive(Debug)]
pub(super) struct Elements<R> {
    inner: R,
    /// Whether the outermost value is a list; not known before the first byte that is no blank.
    is_list: Option<bool>,
    /// Whether that list has ended.
    is_over: bool,
    depth: usize,
    in_string: bool,
    is_escaped: bool,
    /// Bytes of the element so far.
    element: usize,
}

impl<R: BufRead> Elements<R> {
    pub(super) fn new(inner: R) -> Self {
        Self {
            inner,
            is_list: None,
            is_over: false,
            depth: 0,
            in_string: false,
            is_escaped: false,
            element: 0,
        }
    }

    /// What a byte becomes.
    fn pass(&mut self, byte: u8) -> io::Result<u8> {
        if self.in_string {
            match byte {
                _ if self.is_escaped => self.is_escaped = false,
                b'\\' => self.is_escaped = true,
                b'"' => self.in_string = false,
                _ => {}
            }
            return Ok(byte);
        }
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' => return Ok(byte),
            _ if self.is_over => return Err(io::Error::other("there is more after the list")),
            b'[' if self.is_list.is_none() => {
                self.is_list = Some(true);
                return Ok(b' ');
            }
            b'"' => self.in_string = true,
            b'[' | b'{' => self.depth += 1,
            b']' if self.depth == 0 && self.is_list == Some(true) => {
                self.is_over = true;
                return Ok(b' ');
            }
            b']' | b'}' => {
                self.depth = self.depth.saturating_sub(1);
                if self.depth == 0 {
                    self.element = 0;
                }
            }
            b',' if self.depth == 0 && self.is_list == Some(true) => return Ok(b' '),
            _ => {}
        }
        self.is_list.get_or_insert(false);
        Ok(byte)
    }
}

impl<R: BufRead> Read for Elements<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = {
            let ahead = self.inner.fill_buf()?;
            let count = ahead.len().min(buffer.len());
            buffer[..count].copy_from_slice(&ahead[..count]);
            count
        };
        if count == 0 && self.is_list == Some(true) && !self.is_over && !buffer.is_empty() {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the list has no end"));
        }
        for byte in &mut buffer[..count] {
            *byte = self.pass(*byte)?;
            self.element += 1;
            // What is no list may be read as a whole.
            let limit = if self.is_list == Some(true) { MAX_ELEMENT_BYTES } else { MAX_WHOLE_BYTES };
            if self.element > limit {
                return Err(io::Error::other(format!("an element has more than {limit} bytes")));
            }
        }
        self.inner.consume(count);
        Ok(count)
    }
}
