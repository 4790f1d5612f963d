//! Views that are hydrated synchronously.

use leptos::{
    attr::{Attribute, any_attribute::AnyAttribute},
    prelude::{AddAnyAttr, AnyView, IntoAny, Mountable, Render, RenderHtml},
    tachys::{
        hydration::Cursor,
        ssr::StreamBuilder,
        view::{Position, PositionState},
    },
};

/// A page that contains no lazily loaded components.
///
/// `AnyView` compiles the hydration of a view twice, synchronous and asynchronous (for lazily loaded
/// components inside it), and the code that updates it from another view of the same type. A page
/// needs only the first: it is hydrated synchronously, and replaced as a whole by the next page.
/// Without this type, a first visit to `/login` would be 20 KB (Brotli) larger.
pub type SyncHydrate<T> = Hydrated<T, true>;

/// A part of a page. It is hydrated synchronously too, and updated in place.
type Part<T> = Hydrated<T, false>;

/// Converts a part of a page to a type that all parts have in common.
pub trait IntoAnySync {
    /// Like `into_any`, without the code for hydrating it asynchronously.
    fn into_any_sync(self) -> AnyView;
}

impl<T: RenderHtml + Send> IntoAnySync for T {
    fn into_any_sync(self) -> AnyView {
        Part::new(self).into_any()
    }
}

/// A view that is hydrated synchronously, and either replaced or updated by the next of its type.
pub struct Hydrated<T, const IS_REPLACED: bool>(T);

impl<T, const IS_REPLACED: bool> Hydrated<T, IS_REPLACED> {
    /// Wraps a view.
    pub const fn new(view: T) -> Self {
        Self(view)
    }
}

impl<T: Render, const IS_REPLACED: bool> Render for Hydrated<T, IS_REPLACED> {
    type State = T::State;

    fn build(self) -> Self::State {
        self.0.build()
    }

    fn rebuild(self, state: &mut Self::State) {
        if !IS_REPLACED {
            return self.0.rebuild(state);
        }
        let mut new = self.build();
        state.insert_before_this(&mut new);
        state.unmount();
        *state = new;
    }
}

impl<T: RenderHtml, const IS_REPLACED: bool> AddAnyAttr for Hydrated<T, IS_REPLACED> {
    type Output<NewAttr: Attribute> = Hydrated<T::Output<NewAttr>, IS_REPLACED>;

    fn add_any_attr<NewAttr: Attribute>(self, attr: NewAttr) -> Self::Output<NewAttr>
    where
        Self::Output<NewAttr>: RenderHtml,
    {
        Hydrated(self.0.add_any_attr(attr))
    }
}

impl<T: RenderHtml, const IS_REPLACED: bool> RenderHtml for Hydrated<T, IS_REPLACED> {
    type AsyncOutput = T::AsyncOutput;
    type Owned = Hydrated<T::Owned, IS_REPLACED>;

    const MIN_LENGTH: usize = T::MIN_LENGTH;
    const EXISTS: bool = T::EXISTS;

    fn dry_resolve(&mut self) {
        self.0.dry_resolve();
    }

    async fn resolve(self) -> Self::AsyncOutput {
        self.0.resolve().await
    }

    fn html_len(&self) -> usize {
        self.0.html_len()
    }

    fn to_html_with_buf(
        self,
        buf: &mut String,
        position: &mut Position,
        escape: bool,
        mark_branches: bool,
        extra_attrs: Vec<AnyAttribute>,
    ) {
        self.0
            .to_html_with_buf(buf, position, escape, mark_branches, extra_attrs);
    }

    fn to_html_async_with_buf<const OUT_OF_ORDER: bool>(
        self,
        buf: &mut StreamBuilder,
        position: &mut Position,
        escape: bool,
        mark_branches: bool,
        extra_attrs: Vec<AnyAttribute>,
    ) {
        self.0.to_html_async_with_buf::<OUT_OF_ORDER>(
            buf,
            position,
            escape,
            mark_branches,
            extra_attrs,
        );
    }

    fn hydrate<const FROM_SERVER: bool>(
        self,
        cursor: &Cursor,
        position: &PositionState,
    ) -> Self::State {
        self.0.hydrate::<FROM_SERVER>(cursor, position)
    }

    fn into_owned(self) -> Self::Owned {
        Hydrated(self.0.into_owned())
    }
}
