//! Mistakes in annotated items: each is reported where it was written, with what to write instead.

#[test]
fn each_mistake_gets_one_message_that_helps() {
    trybuild::TestCases::new().compile_fail("compile_fail/*.rs");
}
