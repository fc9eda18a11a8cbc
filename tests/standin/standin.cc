// A stand-in for tensorflow_model_server, for tests: no Python, no bazel. It loads SavedModels through TensorFlow's C API
// from a wheel's shared library and answers the REST endpoints that the tests ask. It takes the server's flags with the
// server's rules (--name=value and bare booleans; the rest is ignored) and obeys those listed in main().

#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <tensorflow/c/c_api.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <memory>
#include <mutex>
#include <regex>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using std::map;
using std::string;
using std::vector;

struct Failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// ---- protobuf wire format: only what a signature needs ----

struct Wire {
  const uint8_t* at;
  const uint8_t* end;
  uint64_t varint() {
    uint64_t value = 0;
    for (int shift = 0; at < end && shift < 64; shift += 7) {
      uint8_t byte = *at++;
      value |= uint64_t(byte & 127) << shift;
      if (!(byte & 128)) return value;
    }
    throw Failure("damaged message");
  }
  // The next field: number, a length-delimited part or a number.
  bool next(int* field, Wire* part, uint64_t* number) {
    if (at >= end) return false;
    uint64_t key = varint();
    *field = int(key >> 3);
    switch (key & 7) {
      case 0: *number = varint(); return true;
      case 1: at += 8; return true;
      case 5: at += 4; return true;
      case 2: {
        uint64_t length = varint();
        if (length > uint64_t(end - at)) throw Failure("damaged message");
        *part = Wire{at, at + length};
        at += length;
        return true;
      }
    }
    throw Failure("damaged message");
  }
  string text() const { return string(reinterpret_cast<const char*>(at), end - at); }
};

struct TensorInfo {
  string name;
  int dtype = 0;
  bool unknown_rank = false;
  vector<int64_t> dims;
};
struct Signature {
  map<string, TensorInfo> inputs, outputs;
  string method;
};

TensorInfo tensor_info(Wire wire) {
  TensorInfo info;
  int field;
  uint64_t number = 0;
  Wire part{nullptr, nullptr};
  while (wire.next(&field, &part, &number)) {
    if (field == 1) info.name = part.text();
    if (field == 2) info.dtype = int(number);
    if (field != 3) continue;
    Wire shape = part, dim{nullptr, nullptr};
    int inner;
    while (shape.next(&inner, &dim, &number)) {
      if (inner == 3) info.unknown_rank = number != 0;
      if (inner != 2) continue;
      int64_t size = 0;
      int leaf;
      uint64_t value = 0;
      Wire none{nullptr, nullptr};
      while (dim.next(&leaf, &none, &value))
        if (leaf == 1) size = int64_t(value);
      info.dims.push_back(size);
    }
  }
  return info;
}

template <typename Take>
void map_entry(Wire wire, Take take) {
  string key;
  Wire value{nullptr, nullptr}, part{nullptr, nullptr};
  int field;
  uint64_t number;
  while (wire.next(&field, &part, &number)) {
    if (field == 1) key = part.text();
    if (field == 2) value = part;
  }
  take(key, value);
}

map<string, Signature> signatures(const TF_Buffer* meta_graph) {
  map<string, Signature> found;
  auto data = static_cast<const uint8_t*>(meta_graph->data);
  Wire wire{data, data + meta_graph->length}, part{nullptr, nullptr};
  int field;
  uint64_t number;
  while (wire.next(&field, &part, &number)) {
    if (field != 5) continue;
    map_entry(part, [&](const string& key, Wire value) {
      Signature signature;
      int inner;
      Wire piece{nullptr, nullptr};
      while (value.next(&inner, &piece, &number)) {
        if (inner == 3) signature.method = piece.text();
        if (inner != 1 && inner != 2) continue;
        auto& side = inner == 1 ? signature.inputs : signature.outputs;
        map_entry(piece, [&](const string& name, Wire info) { side[name] = tensor_info(info); });
      }
      found[key] = signature;
    });
  }
  return found;
}

// ---- JSON: numbers, arrays, objects ----

struct Json {
  enum Kind { NUMBER, ARRAY, OBJECT, OTHER } kind = OTHER;
  double number = 0;
  vector<Json> items;
  map<string, Json> members;
};

struct JsonReader {
  const char* at;
  const char* end;
  int depth = 0;
  void blanks() {
    while (at < end && strchr(" \t\r\n", *at)) ++at;
  }
  bool take(char c) {
    blanks();
    if (at < end && *at == c) return ++at, true;
    return false;
  }
  string text() {
    string out;
    while (at < end && *at != '"') out += *at++;
    if (at >= end) throw Failure("JSON Parse error: unterminated string");
    ++at;
    return out;
  }
  Json value() {
    if (++depth > 64) throw Failure("JSON Parse error: too deep");
    Json json;
    blanks();
    if (take('[')) {
      json.kind = Json::ARRAY;
      if (!take(']')) {
        do json.items.push_back(value());
        while (take(','));
        if (!take(']')) throw Failure("JSON Parse error: ] expected");
      }
    } else if (take('{')) {
      json.kind = Json::OBJECT;
      if (!take('}')) {
        do {
          if (!take('"')) throw Failure("JSON Parse error: name expected");
          string name = text();
          if (!take(':')) throw Failure("JSON Parse error: : expected");
          json.members[name] = value();
        } while (take(','));
        if (!take('}')) throw Failure("JSON Parse error: } expected");
      }
    } else if (take('"')) {
      text();
    } else {
      char* stop = nullptr;
      json.number = strtod(at, &stop);
      if (stop == at) throw Failure("JSON Parse error: Invalid value");
      json.kind = Json::NUMBER;
      at = stop;
    }
    --depth;
    return json;
  }
};

void shape_of(const Json& json, vector<int64_t>* dims, vector<double>* numbers, size_t level = 0) {
  if (json.kind == Json::NUMBER) {
    if (level != dims->size()) throw Failure("Encountered list at unexpected size");
    numbers->push_back(json.number);
    return;
  }
  if (json.kind != Json::ARRAY) throw Failure("only numbers are known here");
  if (numbers->empty() && level == dims->size()) dims->push_back(int64_t(json.items.size()));
  if (level >= dims->size() || (*dims)[level] != int64_t(json.items.size()))
    throw Failure("Encountered list at unexpected size");
  for (const Json& item : json.items) shape_of(item, dims, numbers, level + 1);
}

string quoted(const string& text) {
  string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

string number_text(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  char text[40];
  snprintf(text, sizeof text, "%.9g", value);
  string out = text;
  return out.find_first_of(".en") == string::npos ? out + ".0" : out;
}

// ---- a loaded version ----

const map<int, string> DTYPES = {{1, "DT_FLOAT"}, {2, "DT_DOUBLE"}, {3, "DT_INT32"}, {9, "DT_INT64"}};

struct Options {
  int intra = 0, inter = 0;
  string bytes() const {  // ConfigProto: fields 2 and 5
    string out;
    if (intra > 0) out += string{char(2 << 3), char(intra)};
    if (inter > 0) out += string{char(5 << 3), char(inter)};
    return out;
  }
};

struct Loaded {
  TF_Graph* graph = TF_NewGraph();
  TF_Session* session = nullptr;
  map<string, Signature> signature;
  string folder;

  Loaded(const string& place, const Options& options) : folder(place) {
    TF_Status* status = TF_NewStatus();
    TF_SessionOptions* settings = TF_NewSessionOptions();
    string config = options.bytes();
    TF_SetConfig(settings, config.data(), config.size(), status);
    TF_Buffer* meta = TF_NewBuffer();
    const char* tags[] = {"serve"};
    session = TF_LoadSessionFromSavedModel(settings, nullptr, place.c_str(), tags, 1, graph, meta, status);
    string why = TF_GetCode(status) == TF_OK ? "" : TF_Message(status);
    if (why.empty()) signature = signatures(meta);
    TF_DeleteBuffer(meta);
    TF_DeleteSessionOptions(settings);
    TF_DeleteStatus(status);
    if (!why.empty()) throw Failure(why);
  }

  TF_Output output(const TensorInfo& info) {
    string name = info.name.substr(0, info.name.find(':'));
    int index = info.name.find(':') == string::npos ? 0 : atoi(info.name.c_str() + info.name.find(':') + 1);
    return {TF_GraphOperationByName(graph, name.c_str()), index};
  }

  static TF_Tensor* tensor(const TensorInfo& info, const vector<int64_t>& dims, const vector<double>& numbers) {
    size_t width = info.dtype == TF_FLOAT || info.dtype == TF_INT32 ? 4 : 8;
    TF_Tensor* made = TF_AllocateTensor(TF_DataType(info.dtype), dims.data(), int(dims.size()), numbers.size() * width);
    void* data = TF_TensorData(made);
    for (size_t at = 0; at < numbers.size(); ++at) {
      if (info.dtype == TF_FLOAT) static_cast<float*>(data)[at] = float(numbers[at]);
      else if (info.dtype == TF_DOUBLE) static_cast<double*>(data)[at] = numbers[at];
      else if (info.dtype == TF_INT32) static_cast<int32_t*>(data)[at] = int32_t(numbers[at]);
      else if (info.dtype == TF_INT64) static_cast<int64_t*>(data)[at] = int64_t(numbers[at]);
      else throw Failure("this stand-in takes float32, float64, int32 and int64 only");
    }
    return made;
  }

  static string json_of(TF_Tensor* tensor, int level, size_t* at) {
    if (level == TF_NumDims(tensor)) {
      size_t index = (*at)++;
      const void* data = TF_TensorData(tensor);
      switch (TF_TensorType(tensor)) {
        case TF_FLOAT: return number_text(static_cast<const float*>(data)[index]);
        case TF_DOUBLE: return number_text(static_cast<const double*>(data)[index]);
        case TF_INT32: return std::to_string(static_cast<const int32_t*>(data)[index]);
        case TF_INT64: return std::to_string(static_cast<const int64_t*>(data)[index]);
        default: throw Failure("this stand-in answers with numbers only");
      }
    }
    string out = "[";
    for (int64_t i = 0; i < TF_Dim(tensor, level); ++i) out += (i ? ", " : "") + json_of(tensor, level + 1, at);
    return out + "]";
  }

  // "instances" is one value or object a row; "inputs" is one array, or an object of arrays.
  string predict(const Json& request, const string& name) {
    auto chosen = signature.find(name);
    if (chosen == signature.end()) throw Failure("Serving signature key \"" + name + "\" not found.");
    const Signature& sig = chosen->second;
    bool by_row = request.members.count("instances") > 0;
    if (!by_row && !request.members.count("inputs")) throw Failure("Missing 'inputs' or 'instances' key");
    const Json& given = request.members.at(by_row ? "instances" : "inputs");
    map<string, Json> columns;
    for (const auto& input : sig.inputs) {
      Json column;
      column.kind = Json::ARRAY;
      if (by_row) {
        for (const Json& row : given.items)
          column.items.push_back(row.kind == Json::OBJECT ? row.members.at(input.first) : row);
      } else {
        column = given.kind == Json::OBJECT ? given.members.at(input.first) : given;
      }
      columns[input.first] = column;
    }
    return run(sig, columns, by_row);
  }

  string run(const Signature& sig, const map<string, Json>& columns, bool by_row) {
    vector<TF_Output> feeds, fetches;
    vector<TF_Tensor*> values, results(sig.outputs.size(), nullptr);
    for (const auto& input : sig.inputs) {
      vector<int64_t> dims;
      vector<double> numbers;
      shape_of(columns.at(input.first), &dims, &numbers);
      feeds.push_back(output(input.second));
      values.push_back(tensor(input.second, dims, numbers));
    }
    for (const auto& result : sig.outputs) fetches.push_back(output(result.second));
    TF_Status* status = TF_NewStatus();
    TF_SessionRun(session, nullptr, feeds.data(), values.data(), int(feeds.size()), fetches.data(), results.data(),
                  int(fetches.size()), nullptr, 0, nullptr, status);
    string why = TF_GetCode(status) == TF_OK ? "" : TF_Message(status);
    TF_DeleteStatus(status);
    for (TF_Tensor* value : values) TF_DeleteTensor(value);
    if (!why.empty()) throw Failure(why);
    string body;
    size_t which = 0;
    for (const auto& result : sig.outputs) {
      size_t at = 0;
      string text = json_of(results[which], 0, &at);
      body += (which ? ", " : "") + (sig.outputs.size() > 1 ? quoted(result.first) + ": " + text : text);
      TF_DeleteTensor(results[which++]);
    }
    if (sig.outputs.size() > 1) body = "{" + body + "}";
    return string("{\"") + (by_row ? "predictions" : "outputs") + "\": " + body + "}";
  }
};

// ---- models and their versions ----

struct Model {
  string name, base_path;
  std::mutex lock;
  std::shared_ptr<Loaded> loaded;
  int64_t version = -1;
  map<int64_t, string> failed;

  // Only a higher number is loaded; files that change below a loaded number are not looked at.
  void look(const Options& options) {
    int64_t best = -1;
    string folder;
    if (DIR* dir = opendir(base_path.c_str())) {
      while (dirent* entry = readdir(dir)) {
        char* stop = nullptr;
        long long number = strtoll(entry->d_name, &stop, 10);
        if (stop != entry->d_name && !*stop && number >= 0 && number > best) best = number, folder = entry->d_name;
      }
      closedir(dir);
    }
    if (best <= version || failed.count(best)) return;
    try {
      auto next = std::make_shared<Loaded>(base_path + "/" + folder, options);
      std::lock_guard<std::mutex> hold(lock);
      loaded = next;
      version = best;
      printf("Successfully loaded servable version {name: %s version: %lld}\n", name.c_str(), (long long)best);
      fflush(stdout);
    } catch (const Failure& failure) {
      std::lock_guard<std::mutex> hold(lock);
      failed[best] = failure.what();
    }
  }

  string status() {
    std::lock_guard<std::mutex> hold(lock);
    string rows;
    auto row = [&](int64_t number, const char* state, const char* code, const string& text) {
      rows += (rows.empty() ? "" : ",") + string("{\"version\": \"") + std::to_string(number) + "\", \"state\": \"" +
              state + "\", \"status\": {\"error_code\": \"" + code + "\", \"error_message\": " + quoted(text) + "}}";
    };
    if (version >= 0) row(version, "AVAILABLE", "OK", "");
    for (const auto& one : failed) row(one.first, "END", "UNKNOWN", one.second);
    return "{\"model_version_status\": [" + rows + "]}";
  }

  string metadata() {
    std::lock_guard<std::mutex> hold(lock);
    if (!loaded) throw Failure("Servable not found for request");
    string all;
    for (const auto& one : loaded->signature) {
      string sides[2];
      for (int side = 0; side < 2; ++side)
        for (const auto& tensor : side ? one.second.outputs : one.second.inputs) {
          string dims;
          for (int64_t size : tensor.second.dims)
            dims += (dims.empty() ? "" : ",") + string("{\"size\": \"") + std::to_string(size) + "\", \"name\": \"\"}";
          auto dtype = DTYPES.find(tensor.second.dtype);
          sides[side] += (sides[side].empty() ? "" : ",") + quoted(tensor.first) + ": {\"dtype\": " +
                         quoted(dtype == DTYPES.end() ? "DT_STRING" : dtype->second) +
                         ", \"tensor_shape\": {\"dim\": [" + dims + "], \"unknown_rank\": " +
                         (tensor.second.unknown_rank ? "true" : "false") + "}, \"name\": " +
                         quoted(tensor.second.name) + "}";
        }
      all += (all.empty() ? "" : ",") + quoted(one.first) + ": {\"inputs\": {" + sides[0] + "}, \"outputs\": {" +
             sides[1] + "}, \"method_name\": " + quoted(one.second.method) + ", \"defaults\": {}}";
    }
    return "{\"model_spec\": {\"name\": " + quoted(name) + ", \"signature_name\": \"\", \"version\": \"" +
           std::to_string(version) + "\"}, \"metadata\": {\"signature_def\": {\"signature_def\": {" + all + "}}}}";
  }
};

// ---- the server ----

struct Server {
  map<string, string> flags;
  vector<std::unique_ptr<Model>> models;
  Options options;
  string metrics;

  string flag(const string& name, const string& otherwise = "") {
    auto found = flags.find(name);
    return found == flags.end() ? otherwise : found->second;
  }

  static string file(const string& path) {
    std::ifstream stream(path);
    if (!stream) throw Failure("cannot open " + path);
    std::stringstream text;
    text << stream.rdbuf();
    return text.str();
  }

  void configure() {
    auto add = [&](const string& name, const string& path) {
      models.emplace_back(new Model);
      models.back()->name = name;
      models.back()->base_path = path;
    };
    if (!flag("model_config_file").empty()) {
      string text = file(flag("model_config_file"));
      std::regex pattern("name\\s*:\\s*[\"']([^\"']+)[\"']\\s+base_path\\s*:\\s*[\"']([^\"']+)[\"']");
      for (std::sregex_iterator at(text.begin(), text.end(), pattern), end; at != end; ++at) add((*at)[1], (*at)[2]);
    } else {
      if (flag("model_base_path").empty()) throw Failure("Both model_base_path and model_config_file are empty!");
      add(flag("model_name", "default"), flag("model_base_path"));
    }
    options.intra = atoi(flag("tensorflow_intra_op_parallelism", flag("tensorflow_session_parallelism", "0")).c_str());
    options.inter = atoi(flag("tensorflow_inter_op_parallelism", flag("tensorflow_session_parallelism", "0")).c_str());
    if (!flag("monitoring_config_file").empty() &&
        file(flag("monitoring_config_file")).find("enable: true") != string::npos)
      metrics = "/monitoring/prometheus/metrics";
  }

  string metrics_text() {
    string out = "# TYPE :tensorflow:cc:saved_model:load_attempt_count counter\n";
    for (auto& model : models)
      if (model->loaded)
        out += ":tensorflow:cc:saved_model:load_attempt_count{model_path=" + quoted(model->loaded->folder) +
               ",status=\"success\"} 1\n";
    return out + ":tensorflow:serving:request_count{model_name=\"m\",status=\"OK\"} 3\n";
  }

  std::pair<int, string> answer(const string& method, const string& target, const string& body) {
    if (!metrics.empty() && target == metrics) return {200, metrics_text()};
    std::regex pattern("/v1/models/([^/:]+)(?:/versions/([0-9]+))?(/metadata|:predict)?");
    std::smatch match;
    if (!std::regex_match(target, match, pattern)) return {404, "{\"error\": \"Malformed request: " + method + "\"}"};
    for (auto& model : models) {
      if (model->name != match[1]) continue;
      if (match[2].matched && std::stoll(match[2]) != model->version) break;
      if (match[3] == "/metadata") return {200, model->metadata()};
      if (match[3] != ":predict") return {200, model->status()};
      if (method != "POST") return {405, "{\"error\": \"POST\"}"};
      std::shared_ptr<Loaded> loaded;
      {
        std::lock_guard<std::mutex> hold(model->lock);
        loaded = model->loaded;
      }
      if (!loaded) break;
      JsonReader reader{body.data(), body.data() + body.size()};
      return {200, loaded->predict(reader.value(), "serving_default")};
    }
    return {404, "{\"error\": \"Servable not found for request: Latest(" + match[1].str() + ")\"}"};
  }

  void serve(int client) {
    timeval patience{30, 0};
    setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    string data;
    char part[65536];
    size_t head = string::npos;
    while ((head = data.find("\r\n\r\n")) == string::npos && data.size() < 1 << 20) {
      ssize_t got = recv(client, part, sizeof part, 0);
      if (got <= 0) return;
      data.append(part, got);
    }
    if (head == string::npos) return;
    string headers = data.substr(0, head), lower = headers;
    std::transform(lower.begin(), lower.end(), lower.begin(), ::tolower);
    size_t length = 0, at = lower.find("content-length:");
    if (at != string::npos) length = strtoul(lower.c_str() + at + 15, nullptr, 10);
    string body = data.substr(head + 4);
    while (body.size() < length && length < 1 << 28) {
      ssize_t got = recv(client, part, sizeof part, 0);
      if (got <= 0) return;
      body.append(part, got);
    }
    std::istringstream line(headers);
    string method, target;
    line >> method >> target;
    std::pair<int, string> reply;
    try {
      reply = answer(method, target, body);
    } catch (const std::exception& failure) {
      reply = {400, "{\"error\": " + quoted(failure.what()) + "}"};
    }
    bool text = !metrics.empty() && target == metrics;
    string out = "HTTP/1.1 " + std::to_string(reply.first) + (reply.first == 200 ? " OK" : " Error") +
                 "\r\nContent-Type: " + (text ? "text/plain" : "application/json") +
                 "\r\nConnection: close\r\nContent-Length: " + std::to_string(reply.second.size()) + "\r\n\r\n" +
                 reply.second;
    for (size_t sent = 0; sent < out.size();) {
      ssize_t done = send(client, out.data() + sent, out.size() - sent, MSG_NOSIGNAL);
      if (done <= 0) return;
      sent += size_t(done);
    }
  }
};

int main(int argc, char** argv) {
  Server server;
  const vector<string> booleans = {"enable_batching", "version", "prefer_tflite_model", "xla_cpu_compilation_enabled"};
  for (int i = 1; i < argc; ++i) {
    string word = argv[i];
    if (word.rfind("--", 0) != 0) continue;
    size_t equals = word.find('=');
    string name = word.substr(2, equals == string::npos ? equals : equals - 2);
    if (equals != string::npos) server.flags[name] = word.substr(equals + 1);
    else if (std::find(booleans.begin(), booleans.end(), name) != booleans.end()) server.flags[name] = "true";
  }
  if (server.flag("version") == "true") {
    printf("TensorFlow ModelServer: %s-rc1\nTensorFlow Library: %s\n", TF_Version(), TF_Version());
    return 0;
  }
  signal(SIGTERM, [](int) { _exit(0); });
  signal(SIGINT, [](int) { _exit(0); });
  int listener = socket(AF_INET, SOCK_STREAM, 0), yes = 1;
  try {
    server.configure();
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(uint16_t(atoi(server.flag("rest_api_port", "0").c_str())));
    if (bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) || listen(listener, 64))
      throw Failure("cannot listen");
    for (auto& model : server.models) model->look(server.options);
  } catch (const Failure& failure) {
    fprintf(stderr, "Failed to start server. Error: %s\n", failure.what());
    return 1;
  }
  printf("Exporting HTTP/REST API at:localhost:%s ...\n", server.flag("rest_api_port", "0").c_str());
  fflush(stdout);
  std::thread([&] {
    for (;; std::this_thread::sleep_for(std::chrono::seconds(1)))
      for (auto& model : server.models) model->look(server.options);
  }).detach();
  for (;;) {
    int client = accept(listener, nullptr, nullptr);
    if (client < 0) continue;
    std::thread([&server, client] {
      server.serve(client);
      close(client);
    }).detach();
  }
}
