// Changes each page as soon as its elements are there, like password managers and translators do.
const change = () => {
  const main = document.querySelector('main');
  const inputs = document.querySelectorAll('main input');
  if (!main || document.readyState === 'loading') return;
  observer.disconnect();
  main.prepend(document.createElement('div'));
  document.body.append(document.createElement('my-extension'));
  for (const input of inputs) input.after(document.createElement('span'));
  document.documentElement.dataset.extension = document.documentElement.dataset.app ? 'late' : 'early';
};
const observer = new MutationObserver(change);
observer.observe(document, { childList: true, subtree: true });
document.addEventListener('readystatechange', change);
