//! HCL 1's tokens.

use std::iter::Peekable;
use std::str::Chars;

/// One token.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// A bare word: a key, or `true` and `false`.
    Word(String),
    /// A quoted string or heredoc, its escapes resolved.
    Text(String),
    /// A whole number.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// One of `{ } [ ] = ,`.
    Mark(char),
    /// The end of the text.
    End,
}

/// Cuts text into tokens, on demand.
pub(super) struct Lexer<'a> {
    chars: Peekable<Chars<'a>>,
    line: usize,
    column: usize,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Lexer<'a> {
        Lexer { chars: text.trim_start_matches('\u{feff}').chars().peekable(), line: 1, column: 1 }
    }

    /// Where the next character stands, for errors.
    pub(super) fn place(&self) -> String {
        format!("line {}, column {}", self.line, self.column)
    }

    fn bump(&mut self) -> Option<char> {
        let c = self.chars.next()?;
        match c {
            '\n' => (self.line, self.column) = (self.line + 1, 1),
            _ => self.column += 1,
        }
        Some(c)
    }

    fn peek(&mut self) -> Option<char> {
        self.chars.peek().copied()
    }

    fn error<T>(&self, what: &str) -> Result<T, String> {
        Err(format!("{}: {what}", self.place()))
    }

    /// The next token, and where it began.
    pub(super) fn next(&mut self) -> Result<(Token, String), String> {
        self.skip_blank()?;
        let place = self.place();
        let token = match self.peek() {
            None => Token::End,
            Some(mark @ ('{' | '}' | '[' | ']' | '=' | ',')) => {
                self.bump();
                Token::Mark(mark)
            }
            Some('"') => Token::Text(self.quoted()?),
            Some('<') => Token::Text(self.heredoc()?),
            Some(c) if c.is_ascii_digit() || c == '-' => self.number()?,
            Some(c) if c.is_alphabetic() || c == '_' => Token::Word(self.run(|c| c.is_alphanumeric() || c == '_' || c == '-' || c == '.')),
            Some(c) => return self.error(&format!("unexpected {c:?}")),
        };
        Ok((token, place))
    }

    fn run(&mut self, belongs: fn(char) -> bool) -> String {
        let mut word = String::new();
        while let Some(c) = self.peek().filter(|c| belongs(*c)) {
            word.push(c);
            self.bump();
        }
        word
    }

    fn skip_blank(&mut self) -> Result<(), String> {
        loop {
            match self.peek() {
                Some(c) if c.is_whitespace() => drop(self.bump()),
                Some('#') => self.skip_line(),
                Some('/') => {
                    self.bump();
                    match self.peek() {
                        Some('/') => self.skip_line(),
                        Some('*') => self.skip_comment()?,
                        Some(_) | None => return self.error("a comment begins with //, # or /*"),
                    }
                }
                Some(_) | None => return Ok(()),
            }
        }
    }

    fn skip_line(&mut self) {
        while self.bump().is_some_and(|c| c != '\n') {}
    }

    fn skip_comment(&mut self) -> Result<(), String> {
        let opened = self.place();
        self.bump();
        let mut star = false;
        while let Some(c) = self.bump() {
            if star && c == '/' {
                return Ok(());
            }
            star = c == '*';
        }
        Err(format!("{opened}: comment not closed with */"))
    }

    fn number(&mut self) -> Result<Token, String> {
        let place = self.place();
        let word = self.run(|c| c.is_ascii_alphanumeric() || c == '.' || c == '-' || c == '+');
        let (sign, digits) = word.strip_prefix('-').map_or((1, word.as_str()), |rest| (-1, rest));
        let whole = if let Some(hex) = digits.strip_prefix("0x").or(digits.strip_prefix("0X")) {
            i64::from_str_radix(hex, 16).ok()
        } else if digits.len() > 1 && digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit()) {
            i64::from_str_radix(digits, 8).ok()
        } else {
            digits.parse().ok()
        };
        match whole {
            Some(n) => Ok(Token::Int(sign * n)),
            None => match word.parse::<f64>() {
                Ok(x) if x.is_finite() => Ok(Token::Float(x)),
                Ok(_) | Err(_) => Err(format!("{place}: {word:?} is not a number")),
            },
        }
    }

    /// A double-quoted string. What stands in `${...}` is kept as it is, quotes included.
    fn quoted(&mut self) -> Result<String, String> {
        let opened = self.place();
        self.bump();
        let (mut text, mut depth) = (String::new(), 0usize);
        loop {
            match self.bump() {
                None => return Err(format!("{opened}: string not closed")),
                Some('"') if depth == 0 => return Ok(text),
                Some('\n') if depth == 0 => return Err(format!("{opened}: string not closed on its line")),
                Some('\\') if depth == 0 => text.push(self.escape()?),
                Some('$') if self.peek() == Some('{') => {
                    self.bump();
                    depth += 1;
                    text.push_str("${");
                }
                Some(c) => {
                    match c {
                        '{' if depth > 0 => depth += 1,
                        '}' => depth = depth.saturating_sub(1),
                        _ => {}
                    }
                    text.push(c);
                }
            }
        }
    }

    fn escape(&mut self) -> Result<char, String> {
        let coded = |lexer: &mut Self, digits: usize| {
            let mut code = 0;
            for _ in 0..digits {
                let digit = lexer.bump().and_then(|c| c.to_digit(16));
                code = code * 16 + digit.ok_or_else(|| format!("{}: bad \\ escape", lexer.place()))?;
            }
            char::from_u32(code).ok_or_else(|| format!("{}: no such character", lexer.place()))
        };
        match self.bump() {
            Some('n') => Ok('\n'),
            Some('t') => Ok('\t'),
            Some('r') => Ok('\r'),
            Some(c @ ('"' | '\\' | '/')) => Ok(c),
            Some('x') => coded(self, 2),
            Some('u') => coded(self, 4),
            Some('U') => coded(self, 8),
            Some(_) | None => self.error("unknown \\ escape"),
        }
    }

    /// `<<WORD` up to a line holding only `WORD`; `<<-WORD` also takes away the indent all lines share.
    fn heredoc(&mut self) -> Result<String, String> {
        let opened = self.place();
        self.bump();
        if self.bump() != Some('<') {
            return Err(format!("{opened}: expected <<WORD"));
        }
        let indented = self.peek() == Some('-');
        if indented {
            self.bump();
        }
        let anchor = self.run(|c| c.is_alphanumeric() || c == '_');
        self.run(|c| c == '\r' || c == ' ');
        if anchor.is_empty() || self.bump() != Some('\n') {
            return Err(format!("{opened}: expected <<WORD and a new line"));
        }
        let mut lines: Vec<String> = Vec::new();
        while self.peek().is_some() {
            let line = self.run(|c| c != '\n');
            if line.trim() == anchor {
                return Ok(joined(&lines, indented));
            }
            lines.push(line);
            self.bump();
        }
        Err(format!("{opened}: no line {anchor} ends this text"))
    }
}

fn joined(lines: &[String], indented: bool) -> String {
    let indent = |line: &String| line.len() - line.trim_start_matches([' ', '\t']).len();
    let shared = if indented { lines.iter().map(indent).min().unwrap_or(0) } else { 0 };
    lines.iter().map(|line| format!("{}\n", &line[shared..])).collect()
}
