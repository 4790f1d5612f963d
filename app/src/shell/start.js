if (!document.documentElement.dataset.lacks) {
  try {
    const app = await import(js);
    await app.default({ module_or_path: wasm });
    await app.hydrate();
  } catch (error) {
    // These errors mean that the files were loaded, but the browser is too old for them.
    const isTooOld = error instanceof WebAssembly.CompileError || error instanceof SyntaxError;
    document.documentElement.dataset.lacks = isTooOld ? 'webassembly' : 'app';
    throw error;
  }
}
