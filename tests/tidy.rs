//! The style of the project, checked.
