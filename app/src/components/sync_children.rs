//! The children of components, without the code for hydrating them asynchronously: see
//! [`SyncHydrate`](super::SyncHydrate).

use std::sync::Arc;

use leptos::{
    children::{ChildrenOptContainer, ToChildren},
    prelude::{AnyView, RenderHtml},
};

use super::sync_hydrate::IntoAnySync;

/// Children that are shown once, like [`Children`](leptos::children::Children).
pub struct SyncChildren(Box<dyn FnOnce() -> AnyView + Send>);

impl SyncChildren {
    /// Builds them.
    pub fn run(self) -> AnyView {
        (self.0)()
    }
}

impl<F, C> ToChildren<F> for SyncChildren
where
    F: FnOnce() -> C + Send + 'static,
    C: RenderHtml + Send + 'static,
{
    fn to_children(children: F) -> Self {
        Self(Box::new(move || children().into_any_sync()))
    }
}

impl<T> ToChildren<ChildrenOptContainer<T>> for SyncChildren
where
    T: RenderHtml + Send + 'static,
{
    fn to_children(children: ChildrenOptContainer<T>) -> Self {
        Self(Box::new(move || children.0.into_any_sync()))
    }
}

/// Children that are shown again and again, like [`ChildrenFn`](leptos::children::ChildrenFn).
#[derive(Clone)]
pub struct SyncChildrenFn(Arc<dyn Fn() -> AnyView + Send + Sync>);

impl SyncChildrenFn {
    /// Builds them.
    pub fn run(&self) -> AnyView {
        (self.0)()
    }
}

impl<F, C> ToChildren<F> for SyncChildrenFn
where
    F: Fn() -> C + Send + Sync + 'static,
    C: RenderHtml + Send + 'static,
{
    fn to_children(children: F) -> Self {
        Self(Arc::new(move || children().into_any_sync()))
    }
}
