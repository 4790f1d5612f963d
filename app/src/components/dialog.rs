//! A modal dialog.

use leptos::{ev, html, prelude::*};

use super::sync_children::SyncChildrenFn;

/// The id of the heading of the open dialog. Only one dialog is open at a time, except for one that names
/// its heading by another id.
pub const DIALOG_TITLE: &str = "dialog-title";

/// A modal dialog. The browser keeps the focus inside it, and restores the focus afterwards.
///
/// Its content exists only while the dialog is open. So no typed text remains in the page, and the
/// ids of its fields are unique.
#[component]
pub fn Dialog(
    /// Whether the dialog is open.
    open: RwSignal<bool>,
    /// Whether the dialog ignores Escape.
    #[prop(optional, into)]
    locked: Signal<bool>,
    /// The id of the heading.
    #[prop(default = DIALOG_TITLE)]
    title_id: &'static str,
    /// The content. Its heading has the id `title_id`.
    children: SyncChildrenFn,
) -> impl IntoView {
    let dialog = NodeRef::<html::Dialog>::new();
    Effect::new(move |_| {
        let is_open = open.get();
        let Some(dialog) = dialog.get() else { return };
        if is_open {
            // In the next frame the content exists and can receive the focus.
            request_animation_frame(move || {
                // Fails only if the dialog is already open or was removed.
                let _ = dialog.show_modal();
            });
        } else {
            dialog.close();
        }
    });
    let ignore_if_locked = move |event: &ev::Event| {
        if locked.get_untracked() {
            event.prevent_default();
        }
    };
    let closed = move |_: ev::Event| {
        if !locked.get_untracked() {
            open.set(false);
        } else if let Some(dialog) = dialog.get_untracked() {
            // Browsers close a dialog when Escape is pressed repeatedly. This one must stay open.
            let _ = dialog.show_modal();
        }
    };
    view! {
        <dialog
            node_ref=dialog
            aria-labelledby=title_id
            on:cancel=move |event| ignore_if_locked(&event)
            on:keydown=move |event| {
                if event.key() == "Escape" {
                    ignore_if_locked(&event);
                }
            }
            on:close=closed
        >
            {move || open.get().then(|| children.run())}
        </dialog>
    }
}
