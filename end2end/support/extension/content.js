// Changes each page as soon as its elements are there, like password managers and translators do.
const change = () => {
  const main = document.querySelector('main');
  if (!main || document.readyState === 'loading' || document.documentElement.dataset.extension) return;
  const inputs = document.querySelectorAll('main input');
  main.prepend(document.createElement('div'));
  document.body.append(document.createElement('my-extension'));
  for (const input of inputs) input.after(document.createElement('span'));
  document.documentElement.dataset.extension = document.documentElement.dataset.app ? 'late' : 'early';
};
document.addEventListener('readystatechange', change);
