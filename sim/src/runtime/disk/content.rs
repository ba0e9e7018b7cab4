//! Bytes with holes: what was never written reads as zeros and takes no memory.

use std::collections::BTreeMap;
use std::io;

const PAGE: u64 = 4096;

/// A file's content.
#[derive(Debug, Clone, Default)]
pub struct Content {
    pages: BTreeMap<u64, Box<[u8; PAGE as usize]>>,
    size: u64,
}

impl Content {
    /// Length in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Fills `buf` from `offset`; `UnexpectedEof` if the content ends before that.
    pub fn read(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        if offset.saturating_add(buf.len() as u64) > self.size {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut done = 0;
        while done < buf.len() {
            let (page, from, n) = span(offset + done as u64, buf.len() - done);
            match self.pages.get(&page) {
                Some(bytes) => buf[done..done + n].copy_from_slice(&bytes[from..from + n]),
                None => buf[done..done + n].fill(0),
            }
            done += n;
        }
        Ok(())
    }

    /// Writes `bytes` at `offset`, growing as needed.
    pub fn write(&mut self, offset: u64, bytes: &[u8]) {
        let mut done = 0;
        while done < bytes.len() {
            let (page, from, n) = span(offset + done as u64, bytes.len() - done);
            let target = self.pages.entry(page).or_insert_with(|| Box::new([0; PAGE as usize]));
            target[from..from + n].copy_from_slice(&bytes[done..done + n]);
            done += n;
        }
        self.size = self.size.max(offset + bytes.len() as u64);
    }

    /// Cuts, or grows with zeros, to `size`.
    pub fn set_size(&mut self, size: u64) {
        if size < self.size {
            self.pages.split_off(&size.div_ceil(PAGE));
            if let Some(last) = self.pages.get_mut(&(size / PAGE)) {
                last[(size % PAGE) as usize..].fill(0);
            }
        }
        self.size = size;
    }
}

/// Page, place within it, and how many of `left` bytes fit there.
fn span(offset: u64, left: usize) -> (u64, usize, usize) {
    let from = (offset % PAGE) as usize;
    (offset / PAGE, from, left.min(PAGE as usize - from))
}

#[cfg(test)]
mod tests {
    use super::Content;
    use proptest::prelude::*;

    #[derive(Debug, Clone)]
    enum Step {
        Write(u16, Vec<u8>),
        Resize(u16),
    }

    fn step() -> impl Strategy<Value = Step> {
        let write = (0..12_000u16, proptest::collection::vec(any::<u8>(), 0..6000)).prop_map(|(at, bytes)| Step::Write(at, bytes));
        prop_oneof![write, (0..20_000u16).prop_map(Step::Resize)]
    }

    proptest! {
        #[test]
        fn content_is_what_a_vector_of_bytes_would_be(steps in proptest::collection::vec(step(), 0..30)) {
            let (mut content, mut model) = (Content::default(), Vec::new());
            for step in steps {
                match step {
                    Step::Write(at, bytes) => {
                        let end = usize::from(at) + bytes.len();
                        content.write(u64::from(at), &bytes);
                        if model.len() < end {
                            model.resize(end, 0);
                        }
                        model[usize::from(at)..end].copy_from_slice(&bytes);
                    }
                    Step::Resize(size) => {
                        content.set_size(u64::from(size));
                        model.resize(usize::from(size), 0);
                    }
                }
                let mut all = vec![1; content.size() as usize];
                content.read(0, &mut all).unwrap();
                prop_assert_eq!(&all, &model);
            }
        }
    }
}
