#include "adapters/etcd/watch_parser.h"

#include <boost/json.hpp>

#include "adapters/etcd/json_fields.h"

namespace gemel::adapters::etcd {
namespace {

namespace json = boost::json;

constexpr std::size_t max_message = 1U << 20;  // a record is below 1 KiB; more is not from a healthy etcd

Result<WatchNews> news_of(const json::value& message) {
  const auto* result = field_of(message, "result");
  if (result == nullptr)
    return fail(ErrorCode::cancelled, "the watch ended: " + json::serialize(message).substr(0, 200));
  if (flag_of(*result, "canceled")) return fail(ErrorCode::cancelled, "the server cancelled the watch");
  WatchNews news;
  if (const auto* header = field_of(*result, "header"))
    news.revision = Revision{number_of<std::int64_t>(*header, "revision")};
  const auto* events = field_of(*result, "events");
  if (events == nullptr || !events->is_array()) return news;
  for (const json::value& event : events->get_array()) {
    const auto* entry = field_of(event, "kv");
    if (entry == nullptr || text_of(event, "type") == "DELETE") continue;
    const auto key = from_base64(text_of(*entry, "key"));
    const auto value = from_base64(text_of(*entry, "value"));
    if (!key || !value) return fail(ErrorCode::corrupt, "a watch event is not base64");
    news.changed.push_back({*key, *value, Revision{number_of<std::int64_t>(*entry, "mod_revision")},
                            number_of<std::int64_t>(*entry, "version")});
  }
  return news;
}

}  // namespace

struct WatchParser::State {
  json::stream_parser parser;
  std::size_t open_bytes = 0;  // of the message that is not complete yet
  bool is_broken = false;
};

WatchParser::WatchParser() : state_(std::make_unique<State>()) {}
WatchParser::~WatchParser() = default;

Result<std::vector<WatchNews>> WatchParser::feed(std::string_view piece) {
  std::vector<WatchNews> all;
  const auto broken = [this](Error error) {
    state_->is_broken = true;
    return std::unexpected(std::move(error));
  };
  if (state_->is_broken) return fail(ErrorCode::corrupt, "the watch stream is broken");
  while (!piece.empty()) {
    boost::system::error_code bad;
    const std::size_t used = state_->parser.write_some(piece.data(), piece.size(), bad);
    if (bad) return broken({ErrorCode::corrupt, "the watch stream is not JSON: " + bad.message()});
    piece.remove_prefix(used);
    state_->open_bytes += used;
    if (state_->open_bytes > max_message) return broken({ErrorCode::corrupt, "a watch message is too long"});
    if (!state_->parser.done()) continue;
    auto news = news_of(state_->parser.release());
    state_->parser.reset();
    state_->open_bytes = 0;
    if (!news) return broken(news.error());
    all.push_back(std::move(*news));
  }
  return all;
}

}  // namespace gemel::adapters::etcd
