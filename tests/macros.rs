//! Mistakes in annotated items: each is reported where it was written, with what to write instead.

#[path = "macros/counted.rs"]
mod counted;

#[test]
fn each_mistake_gets_one_message_that_helps() {
    trybuild::TestCases::new().compile_fail("compile_fail/*.rs");
}

/// The cases above cannot tell: trybuild folds messages that are the same.
#[test]
fn each_type_that_cannot_do_what_it_must_is_reported_once() {
    const CASES: &[(&str, usize)] = &[
        // Two arguments are wrong.
        ("argument_not_deserializable", 2),
        ("argument_not_serializable", 1),
        ("provider_not_injectable", 1),
        // The compiler's own: of the type, and of its method's future.
        ("provider_not_sync", 2),
        ("return_error_without_from", 1),
        ("return_no_result", 1),
        ("return_not_mergeable", 1),
        ("return_value_not_serializable", 1),
        ("stream_fails_with_another_error", 1),
        ("stream_of_an_alias_without_errors", 1),
        ("stream_of_values_that_do_not_serialize", 1),
    ];
    let found = counted::errors(CASES.iter().map(|(case, _)| *case));
    let expected = CASES.iter().map(|(case, count)| ((*case).to_owned(), *count)).collect();
    assert_eq!(found, expected);
}
