if (!document.documentElement.dataset.lacks) {
  try {
    const app = await import(js);
    await app.default({ module_or_path: wasm });
    await app.hydrate();
  } catch (error) {
    document.documentElement.dataset.lacks = 'app';
    throw error;
  }
}
