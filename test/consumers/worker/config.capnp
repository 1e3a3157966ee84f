using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [(name = "main", worker = .main)],
  sockets = [(name = "http", address = "127.0.0.1:8080", http = (), service = "main")],
);

const main :Workerd.Worker = (
  modules = [
    (name = "main.mjs", esModule = embed "dist/main.mjs"),
    (name = "kernels.f64.wasm", wasm = embed "dist/kernels.f64.wasm"),
    (name = "kernels.f32.wasm", wasm = embed "dist/kernels.f32.wasm"),
    (name = "kernels.more.f64.wasm", wasm = embed "dist/kernels.more.f64.wasm"),
    (name = "kernels.more.f32.wasm", wasm = embed "dist/kernels.more.f32.wasm"),
  ],
  compatibilityDate = "2026-11-01",
);
