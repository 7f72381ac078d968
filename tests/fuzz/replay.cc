// Runs a fuzz target over files without a fuzzer, for builds by other compilers: the seeds as they
// are, and each one cut, changed and crossed with others in a few hundred seeded ways.
//
// Usage: replay_TARGET FOLDER
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

void run(const std::string& bytes) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
}

void change(std::string& bytes, const std::string& other, std::mt19937_64& random) {
  if (bytes.empty()) return;
  const auto at = random() % bytes.size();
  const auto length = random() % 32;
  switch (random() % 5) {
    case 0:
      bytes[at] = static_cast<char>(random());
      break;
    case 1:
      bytes.erase(at, length);
      break;
    case 2:
      bytes.resize(at);
      break;
    case 3:
      bytes.insert(at, bytes.substr(at, length));
      break;
    default:
      bytes.insert(at, other.substr(random() % (other.size() + 1), length));
      break;
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(argv[1])) files.push_back(entry);
  std::sort(files.begin(), files.end());
  std::vector<std::string> seeds;
  for (const auto& file : files) {
    std::ifstream in(file, std::ios::binary);
    seeds.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
  }
  std::mt19937_64 random(3261);
  for (const auto& seed : seeds) {
    run(seed);
    for (int round = 0; round < 300; ++round) {
      auto bytes = seed;
      for (auto changes = 1 + random() % 4; changes != 0; --changes) {
        change(bytes, seeds[random() % seeds.size()], random);
      }
      run(bytes);
    }
  }
  std::printf("%zu seeds\n", seeds.size());
  return seeds.empty() ? 1 : 0;
}
