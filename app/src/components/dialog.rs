use leptos::{ev, html, prelude::*};

/// The id of the heading inside a dialog. Only one dialog is open at a time, so there is one.
pub const DIALOG_TITLE: &str = "dialog-title";

/// A dialog over the page: the browser keeps the focus inside it, and gives it back in the end.
///
/// What is inside exists only while the dialog is open. So nothing typed outlasts it, and the ids
/// of its fields don't meet those of another dialog.
#[component]
pub fn Dialog(
    /// Whether it is open.
    open: RwSignal<bool>,
    /// Whether it stays open although the person presses Escape.
    #[prop(optional, into)]
    locked: Signal<bool>,
    /// Its heading has the id [`DIALOG_TITLE`].
    children: ChildrenFn,
) -> impl IntoView {
    let dialog = NodeRef::<html::Dialog>::new();
    Effect::new(move |_| {
        let is_open = open.get();
        let Some(dialog) = dialog.get() else { return };
        if is_open {
            // In the next frame, when what is inside can take the focus.
            request_animation_frame(move || {
                // Fails only where the dialog is open already, or the page is gone.
                let _ = dialog.show_modal();
            });
        } else {
            dialog.close();
        }
    });
    let hold = move |event: &ev::Event| {
        if locked.get_untracked() {
            event.prevent_default();
        }
    };
    let closed = move |_: ev::Event| {
        if !locked.get_untracked() {
            open.set(false);
        } else if let Some(dialog) = dialog.get_untracked() {
            // Browsers let a person out who insists on it; what is shown here is shown once.
            let _ = dialog.show_modal();
        }
    };
    view! {
        <dialog
            node_ref=dialog
            aria-labelledby=DIALOG_TITLE
            on:cancel=move |event| hold(&event)
            on:keydown=move |event| {
                if event.key() == "Escape" {
                    hold(&event);
                }
            }
            on:close=closed
        >
            {move || open.get().then(|| children())}
        </dialog>
    }
}
