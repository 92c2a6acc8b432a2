//! Wire text that several destinations share; pure.
