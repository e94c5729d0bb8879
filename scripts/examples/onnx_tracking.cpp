// Runs a tracking network that `gnnreco deploy BUNDLE --target onnx -o FOLDER` wrote, as a service inside a reconstruction
// framework does: one session with one thread for the whole job, inputs matched by name, one graph after the other.
//
//   c++ -O2 -std=c++17 onnx_tracking.cpp -I$ORT/include/onnxruntime -L$ORT/lib -lonnxruntime -o onnx_tracking
//   ./onnx_tracking FOLDER/model-one-thread.onnx graph.bin logits.bin
//
// graph.bin: int64 n, f, m, g; float32 nodes (n, f) and edges (m, g); int64 inner (m) and outer (m). logits.bin: float32 (m).
#include <onnxruntime_cxx_api.h>

#include <cstdint>
#include <fstream>
#include <iostream>
#include <stdexcept>
#include <vector>

template <typename T>
std::vector<T> read(std::ifstream& in, int64_t size) {
  std::vector<T> values(size);
  in.read(reinterpret_cast<char*>(values.data()), size * sizeof(T));
  if (!in) throw std::runtime_error("the graph ends too soon");
  return values;
}

int main(int argc, char** argv) try {
  if (argc != 4) throw std::runtime_error("usage: onnx_tracking MODEL GRAPH LOGITS");
  Ort::Env env(ORT_LOGGING_LEVEL_ERROR, "gnnreco");
  Ort::SessionOptions options;
  options.SetIntraOpNumThreads(1);
  options.SetInterOpNumThreads(1);
  Ort::Session session(env, argv[1], options);

  std::ifstream in(argv[2], std::ios::binary);
  const auto size = read<int64_t>(in, 4);
  const int64_t n = size[0], f = size[1], m = size[2], g = size[3];
  auto nodes = read<float>(in, n * f), edges = read<float>(in, m * g);
  auto inner = read<int64_t>(in, m), outer = read<int64_t>(in, m);

  const auto memory = Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault);
  const std::vector<int64_t> of_nodes{n, f}, of_edges{m, g}, of_ends{m};
  std::vector<Ort::Value> values;
  values.push_back(Ort::Value::CreateTensor<float>(memory, nodes.data(), nodes.size(), of_nodes.data(), 2));
  values.push_back(Ort::Value::CreateTensor<float>(memory, edges.data(), edges.size(), of_edges.data(), 2));
  values.push_back(Ort::Value::CreateTensor<int64_t>(memory, inner.data(), inner.size(), of_ends.data(), 1));
  values.push_back(Ort::Value::CreateTensor<int64_t>(memory, outer.data(), outer.size(), of_ends.data(), 1));
  const char* names[] = {"nodes", "edges", "inner", "outer"};
  const char* wanted[] = {"edge_logits"};
  auto found = session.Run(Ort::RunOptions{nullptr}, names, values.data(), values.size(), wanted, 1);

  const float* logits = found[0].GetTensorData<float>();
  std::ofstream(argv[3], std::ios::binary).write(reinterpret_cast<const char*>(logits), m * sizeof(float));
  std::cout << m << " edges scored\n";
  return 0;
} catch (const std::exception& error) {
  std::cerr << "onnx_tracking: " << error.what() << "\n";
  return 1;
}
