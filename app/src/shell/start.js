if (!document.documentElement.dataset.lacks) {
  try {
    const app = await import(js);
    await app.default({ module_or_path: wasm });
    await app.hydrate();
  } catch (error) {
    // Files that the browser can't make sense of did arrive: it is too old for them.
    const isTooOld = error instanceof WebAssembly.CompileError || error instanceof SyntaxError;
    document.documentElement.dataset.lacks = isTooOld ? 'webassembly' : 'app';
    throw error;
  }
}
