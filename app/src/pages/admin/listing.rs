//! Lists that are loaded page by page.

use std::{hash::Hash, sync::Arc};

use languages::tr;
use leptos::{html, prelude::*, task::spawn_local};

use super::{
    console::{Action, Console, Reply},
    counted::Counted,
};
use crate::{
    api::ApiError,
    components::{LiveText, Message, Status, focus_soon},
};

/// A page of a list, and the cursor of the next one.
pub(super) type Page<T> = (Vec<T>, Option<String>);

/// Loads the page at a cursor.
type Fetch<T> = Arc<dyn Fn(Option<String>) -> Reply<Page<T>> + Send + Sync>;

/// How far a list is loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// The first page is being loaded.
    Loading,
    /// Another page is being loaded.
    LoadingMore,
    /// Nothing is being loaded.
    Loaded,
    /// The page could not be loaded.
    Failed(ApiError),
}

/// A list that is loaded page by page.
pub(super) struct Listing<T: 'static> {
    console: Console,
    /// What is loaded.
    pub items: RwSignal<Vec<T>>,
    next: RwSignal<Option<String>>,
    /// Where the page begins that was requested last.
    requested: StoredValue<Option<String>>,
    phase: RwSignal<Phase>,
    /// Counts the requests: only the response to the last one counts.
    number: StoredValue<u32>,
    /// Says how long the list is, and has the focus when the button below it is gone.
    count: NodeRef<html::P>,
    fetch: StoredValue<Fetch<T>>,
}

impl<T> Clone for Listing<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Listing<T> {}

impl<T: Send + Sync + 'static> Listing<T> {
    pub fn new(
        console: Console,
        fetch: impl Fn(Option<String>) -> Reply<Page<T>> + Send + Sync + 'static,
    ) -> Self {
        Self {
            console,
            items: RwSignal::new(Vec::new()),
            next: RwSignal::new(None),
            requested: StoredValue::new(None),
            phase: RwSignal::new(Phase::Loading),
            number: StoredValue::new(0),
            count: NodeRef::new(),
            fetch: StoredValue::new(Arc::new(fetch)),
        }
    }

    /// Loads the list from its beginning. Until that is done, it shows what it has.
    pub fn reload(self) {
        self.load(None);
    }

    /// Loads the list from its beginning, now and whenever what `track` reads changes.
    pub fn reload_with(self, track: impl Fn() + 'static) {
        Effect::new(move |_| {
            track();
            self.reload();
        });
    }

    fn load(self, cursor: Option<String>) {
        // The page may have been left.
        let (Some(number), Some(fetch)) = (self.number.try_get_value(), self.fetch.try_get_value())
        else {
            return;
        };
        let is_first = cursor.is_none();
        self.requested.set_value(cursor.clone());
        let number = number.wrapping_add(1);
        self.number.set_value(number);
        self.phase.set(if is_first {
            Phase::Loading
        } else {
            Phase::LoadingMore
        });
        spawn_local(async move {
            let response = self.console.send(move || fetch(cursor.clone())).await;
            // The page may have been left.
            if self.number.try_get_value() != Some(number) {
                return;
            }
            match response {
                Ok((items, next)) => {
                    self.items.update(|all| {
                        if is_first {
                            all.clear();
                        }
                        all.extend(items);
                    });
                    let is_end = next.is_none();
                    self.next.set(next);
                    self.phase.set(Phase::Loaded);
                    if is_end && !is_first {
                        // The button that had the focus is gone.
                        focus_element(self.count);
                    }
                }
                Err(error) => self.phase.set(Phase::Failed(error)),
            }
        });
    }

    /// Returns whether the first page is being loaded. Reactive.
    pub fn is_loading(self) -> bool {
        self.phase.with(|phase| *phase == Phase::Loading)
    }

    /// Returns whether the first page is being loaded, and nothing is there yet. Reactive.
    pub fn is_waiting(self) -> bool {
        self.is_loading() && self.items.with(Vec::is_empty)
    }

    /// Returns the placeholder that is shown until something is loaded.
    pub fn waiting(self) -> impl IntoView {
        let is_waiting = Memo::new(move |_| self.is_waiting());
        move || is_waiting.get().then(|| view! { <Waiting /> })
    }

    /// Returns a section with the list as rows. An item whose key stays the same is not rendered again.
    pub fn section<K, V>(
        self,
        label: &'static str,
        key: impl Fn(&T) -> K + Clone + Send + Sync + 'static,
        row: impl Fn(T) -> V + Clone + Send + Sync + 'static,
        counted: Counted,
        empty: &'static str,
    ) -> impl IntoView
    where
        T: Clone,
        K: Eq + Hash + Send + Sync + 'static,
        V: IntoView + 'static,
    {
        view! {
            <section class="section" aria-label=label>
                {self.waiting()}
                <ul class="rows" role="list">
                    <For each=move || self.items.get() key children=row />
                </ul>
                {self.end(counted, Signal::stored(empty.to_owned()))}
            </section>
        }
    }

    /// Returns what a question does: sends a request, loads the list again, and says what has happened. The
    /// heading gets the focus, because the row that had it is rendered again, or gone.
    pub fn change<R: 'static>(
        self,
        request: impl Fn() -> Reply<R> + Send + Sync + 'static,
        done: String,
    ) -> Action<String> {
        Arc::new(move || {
            let (request, done) = (request(), done.clone());
            Box::pin(async move {
                request.await?;
                self.reload();
                focus_soon("h1");
                Ok(done)
            })
        })
    }

    /// Returns what is below the list.
    pub fn end(self, counted: Counted, empty: Signal<String>) -> impl IntoView {
        let count = Signal::derive(move || self.items.with(Vec::len));
        let has_more = Signal::derive(move || self.next.with(Option::is_some));
        let load = Callback::new(move |()| {
            let has_failed = matches!(self.phase.get_untracked(), Phase::Failed(_));
            self.load(if has_failed {
                self.requested.get_value()
            } else {
                self.next.get_untracked()
            });
        });
        let phase = self.phase;
        let element = self.count;
        view! { <ListEnd phase element count has_more load counted empty /> }
    }
}

/// What is below a list: how long it is, a button that loads more, or why it could not be loaded.
#[component]
fn ListEnd(
    phase: RwSignal<Phase>,
    /// Says how long the list is.
    element: NodeRef<html::P>,
    /// The number of entries that are loaded.
    count: Signal<usize>,
    /// Whether there are more.
    has_more: Signal<bool>,
    /// Loads more, or again what could not be loaded.
    load: Callback<()>,
    /// What the entries are.
    counted: Counted,
    /// What is said of an empty list.
    empty: Signal<String>,
) -> impl IntoView {
    let text = Signal::derive(move || match (phase.get(), count.get(), has_more.get()) {
        (Phase::Failed(_), ..) => String::new(),
        (Phase::Loading | Phase::LoadingMore, ..) => tr("Loading…").to_owned(),
        (Phase::Loaded, 0, _) => empty.get(),
        (Phase::Loaded, count, false) => counted.all(count),
        (Phase::Loaded, count, true) => counted.first(count),
    });
    let error = move || match phase.get() {
        Phase::Failed(error) => Some(error.to_string()),
        _ => None,
    };
    let is_busy = move || matches!(phase.get(), Phase::Loading | Phase::LoadingMore);
    let more = move |_| {
        if !untrack(is_busy) {
            if untrack(error).is_some() {
                // The button goes.
                focus_element(element);
            }
            load.run(());
        }
    };
    let label = Signal::derive(move || {
        let label = if error().is_some() {
            tr("Try again")
        } else {
            tr("Load more")
        };
        label.to_owned()
    });
    // As long as it is shown, it stays the same, so that it keeps the focus.
    let has_button = Memo::new(move |_| has_more.get() || error().is_some());
    view! {
        <div class="list-end">
            <div role="alert">
                {move || error().map(|text| view! { <Message status=Status::Error text /> })}
            </div>
            <p node_ref=element role="status" tabindex="-1">
                <LiveText text />
            </p>
            {move || {
                has_button
                    .get()
                    .then(|| {
                        view! {
                            <button
                                type="button"
                                class="button quiet"
                                aria-disabled=move || is_busy().then_some("true")
                                on:click=more
                            >
                                <LiveText text=label />
                            </button>
                        }
                    })
            }}
        </div>
    }
}

fn focus_element(element: NodeRef<html::P>) {
    request_animation_frame(move || {
        if let Some(Some(element)) = element.try_get_untracked() {
            // Fails only if it was removed.
            let _ = element.focus();
        }
    });
}

/// Takes the place of a list of which nothing is loaded yet.
#[component]
pub(super) fn Waiting() -> impl IntoView {
    view! {
        <div class="waiting" aria-hidden="true">
            <p class="skeleton">"…"</p>
            <p class="skeleton">"…"</p>
            <p class="skeleton">"…"</p>
        </div>
    }
}
