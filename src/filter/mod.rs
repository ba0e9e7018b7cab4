//! Floor 1: `filter=` expressions: parsed once, applied to any record that can name its fields.
