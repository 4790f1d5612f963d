import*as t from"./__wasm_split.x.js";
