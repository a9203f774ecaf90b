//! Parameters and conditions stay.

#[derive(Inject)]
struct Holder<T: Clone, const N: usize = 2>
where
    T: Send + Sync + 'static,
{
    values: [T; N],
}
