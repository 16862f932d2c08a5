#include "cloud/aws_mover.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "cloud/metadata.h"
#include "cloud/notes.h"
#include "runtime/wall_clock.h"
#include "site/network_address.h"

namespace gemel::cloud {
namespace {

using runtime::Task;

// The metadata service is on the same machine: what it has not said in a second it will not say.
constexpr Duration metadata_limit = std::chrono::seconds(1);
constexpr Duration look_interval = std::chrono::milliseconds(100);

std::string epoch_note(const Order& order) { return order.address + ".epoch"; }

bool has_line(const std::string& text, const std::string& wanted) {
  const auto lines = split(text, '\n');
  return std::ranges::any_of(lines, [&](const std::string& line) { return trim(line) == wanted; });
}

}  // namespace

AwsMover::AwsMover(boost::asio::any_io_executor executor, site::AwsSettings settings, Order order)
    : settings_(std::move(settings)),
      order_(std::move(order)),
      web_(std::move(executor), settings_.ca),
      metadata_url_(site::parse_web_url(settings_.metadata).value_or(site::WebUrl{})),
      is_known_epoch_(order_.verb == Verb::take && read_note(order_.notes, epoch_note(order_)) == order_.epoch) {}

Task<Status> AwsMover::ask_for_token() {
  const auto answer =
      co_await web_.call(metadata_url_, metadata_token_request(), std::min(left(order_), metadata_limit));
  if (!answer) co_return std::unexpected(answer.error().with("metadata service (is this host an EC2 instance?)"));
  if (answer->status == 200 && !answer->body.empty()) {
    token_ = trim(answer->body);
    co_return Status{};
  }
  if (answer->status >= 500 || answer->status == 429) {
    co_return fail(ErrorCode::unavailable, fmt::format("metadata service: HTTP {} for a token", answer->status));
  }
  co_return fail(ErrorCode::denied,
                 fmt::format("the metadata service gives no token of version 2 (HTTP {}), and version 1 is never used: "
                             "aws ec2 modify-instance-metadata-options --http-endpoint enabled --http-tokens required",
                             answer->status));
}

Task<Result<std::string>> AwsMover::metadata(std::string path) {
  for (unsigned number = 0;; ++number) {
    Error error;
    if (auto asked = token_.empty() ? co_await ask_for_token() : Status{}; !asked) {
      error = asked.error();
    } else {
      const auto answer =
          co_await web_.call(metadata_url_, metadata_request(token_, path), std::min(left(order_), metadata_limit));
      if (answer && answer->status == 200) co_return std::string(trim(answer->body));
      if (answer && answer->status == 404) co_return fail(ErrorCode::not_found, "metadata service: no " + path);
      if (answer && answer->status == 401) token_.clear();  // it has ended
      error = answer ? Error{ErrorCode::unavailable,
                             fmt::format("metadata service: HTTP {} for {}", answer->status, path), 0}
                     : answer.error();
    }
    if (error.code == ErrorCode::denied) co_return std::unexpected(error);
    const auto pause = pause_after(number);
    if (left(order_) <= pause) co_return std::unexpected(error);
    co_await runtime::sleep_for(pause);
  }
}

Task<Status> AwsMover::learn() {
  auto interface_id = co_await metadata(metadata_of_interface(order_.mac, "interface-id"));
  if (!interface_id && interface_id.error().code == ErrorCode::not_found) {
    co_return fail(
        ErrorCode::not_found,
        fmt::format("{} ({}) is no network interface of this instance: correct \"interface\" in the site file",
                    order_.interface, order_.mac));
  }
  if (!interface_id) co_return std::unexpected(interface_id.error());
  interface_id_ = *std::move(interface_id);
  region_ = settings_.region;
  if (region_.empty()) {
    auto region = co_await metadata(metadata_region);
    if (!region) co_return std::unexpected(region.error());
    region_ = *std::move(region);
  }
  auto url = settings_.endpoint;
  if (url.empty()) {
    const auto domain = co_await metadata(metadata_domain);
    if (!domain) co_return std::unexpected(domain.error());
    url = fmt::format("https://ec2.{}.{}", region_, *domain);
  }
  const auto endpoint = site::parse_web_url(url);
  if (!endpoint) co_return fail(ErrorCode::invalid, url + " is no address of a service: give \"endpoint\" in [aws]");
  endpoint_ = *endpoint;
  co_return Status{};
}

Task<Status> AwsMover::renew_keys() {
  const auto role = co_await metadata(metadata_role);
  if ((role && role->empty()) || (!role && role.error().code == ErrorCode::not_found)) {
    co_return fail(ErrorCode::denied,
                   "the instance has no IAM role: give it an instance profile with the policy of "
                   "docs/handbook/addresses.md");
  }
  if (!role) co_return std::unexpected(role.error());
  const auto text = co_await metadata(metadata_role + split(*role, '\n').front());
  if (!text) co_return std::unexpected(text.error());
  auto keys = read_keys(*text, runtime::wall_clock());
  if (!keys) co_return std::unexpected(keys.error());
  keys_ = *std::move(keys);
  co_return Status{};
}

Task<Result<runtime::HttpResponse>> AwsMover::send(Ec2Call call) {
  if (keys_.id.empty()) {
    if (auto renewed = co_await renew_keys(); !renewed) co_return std::unexpected(renewed.error());
  }
  auto request = ec2_request(call);
  request.headers["host"] = endpoint_.host_header();
  const SigningScope scope{signing_time(runtime::wall_clock()), region_, "ec2"};
  auto answer = co_await web_.call(endpoint_, signed_request(std::move(request), keys_, scope), left(order_));
  if (!answer) co_return std::unexpected(answer.error().with("EC2 " + call.action));
  co_return answer;
}

/// The body of the answer, tried again until time is up. Every call here may be repeated: it names its whole effect.
Task<Result<std::string>> AwsMover::ec2(Ec2Call call) {
  bool is_renewed = false;
  for (unsigned number = 0;; ++number) {
    const auto answer = co_await send(call);
    Error error;
    if (answer) {
      if (answer->status == 200) co_return answer->body;
      const auto said = read_ec2_error(answer->body);
      if (said.code == "DryRunOperation") co_return std::string();
      const auto verdict = judge(answer->status, said);
      error = explain(call, answer->status, said);
      if (verdict == Ec2Verdict::renew && !is_renewed) {
        is_renewed = true;
        keys_ = {};
        continue;
      }
      if (verdict != Ec2Verdict::try_again) co_return std::unexpected(error);
    } else {
      error = answer.error();
      if (error.code != ErrorCode::unavailable && error.code != ErrorCode::timed_out) co_return std::unexpected(error);
    }
    const auto pause = pause_after(number);
    if (left(order_) <= pause) {
      co_return std::unexpected(error.with(fmt::format("given up after {} tries", number + 1)));
    }
    co_await runtime::sleep_for(pause);
  }
}

Task<Status> AwsMover::change(Ec2Call call) {
  if (is_check()) call = as_dry_run(std::move(call));
  const auto done = co_await ec2(std::move(call));
  if (!done) co_return std::unexpected(done.error());
  co_return Status{};
}

Task<Result<bool>> AwsMover::is_shown() {
  const auto shown = co_await metadata(metadata_of_interface(order_.mac, "local-ipv4s"));
  if (!shown) co_return std::unexpected(shown.error());
  co_return has_line(*shown, order_.address);
}

/// EC2 accepts the change and carries it out later; the instance's metadata show when it is done.
Task<Status> AwsMover::wait_until_shown() {
  while (true) {
    const auto shown = co_await is_shown();
    if (!shown) co_return std::unexpected(shown.error());
    if (*shown) co_return Status{};
    if (left(order_) <= look_interval) {
      co_return fail(ErrorCode::timed_out, "EC2 accepted the change, and has not carried it out yet");
    }
    co_await runtime::sleep_for(look_interval);
  }
}

Task<Status> AwsMover::take_private() {
  const auto block = co_await metadata(metadata_of_interface(order_.mac, "subnet-ipv4-cidr-block"));
  if (!block) co_return std::unexpected(block.error());
  const auto subnet = site::parse_subnet(*block);
  const auto address = site::parse_address(order_.address);
  if (subnet && address && !masked(*subnet).contains(*address)) {
    co_return fail(ErrorCode::refused,
                   fmt::format("{} is outside {}, the subnet of {}: a secondary private address exists in one subnet "
                               "only. Database hosts in several subnets need \"route_tables\" in [aws]",
                               order_.address, *block, order_.interface));
  }
  // After a change of the primary EC2 is told in any case: the metadata may be older than the last move.
  if (is_known_epoch_) {
    const auto shown = co_await is_shown();
    if (!shown) co_return std::unexpected(shown.error());
    if (*shown) co_return Status{};
  }
  auto assigned = co_await change(assign_private_address(interface_id_, order_.address));
  if (!assigned || is_check()) co_return assigned;
  auto shown = co_await wait_until_shown();
  co_return shown;
}

Task<Status> AwsMover::take_elastic_ip() {
  if (is_known_epoch_ || is_check()) {
    const auto said = co_await ec2(describe_elastic_ip(settings_.elastic_ip));
    if (!said) co_return std::unexpected(said.error());
    const auto is_here = leads_to(*said, interface_id_, order_.address);
    if (!is_here) co_return std::unexpected(is_here.error());
    if (*is_here) co_return Status{};
  }
  auto moved = co_await change(associate_elastic_ip(settings_.elastic_ip, interface_id_, order_.address));
  co_return moved;
}

Task<Status> AwsMover::take_route(std::string table) {
  if (is_known_epoch_ || is_check()) {
    const auto said = co_await ec2(describe_route_table(table));
    if (!said) co_return std::unexpected(said.error());
    const auto is_here = routes_to(*said, interface_id_, order_.address);
    if (!is_here) co_return std::unexpected(is_here.error());
    if (*is_here) co_return Status{};
  }
  auto moved = co_await change(replace_route(table, order_.address, interface_id_));
  if (!moved && moved.error().code == ErrorCode::not_found)
    moved = co_await change(create_route(table, order_.address, interface_id_));
  co_return moved;
}

Task<Status> AwsMover::check_route_target() {
  const auto said = co_await ec2(describe_source_check(interface_id_));
  if (!said) co_return std::unexpected(said.error());
  const auto is_checked = checks_destination(*said);
  if (!is_checked) co_return std::unexpected(is_checked.error());
  if (!*is_checked) co_return Status{};
  co_return fail(ErrorCode::refused,
                 fmt::format("the interface drops packets for {}: aws ec2 modify-network-interface-attribute "
                             "--network-interface-id {} --no-source-dest-check",
                             order_.address, interface_id_));
}

Task<Status> AwsMover::run() {
  if (auto learnt = co_await learn(); !learnt) co_return learnt;
  if (settings_.route_tables.empty()) {
    if (auto taken = co_await take_private(); !taken) co_return taken;
    if (!settings_.elastic_ip.empty()) {
      if (auto taken = co_await take_elastic_ip(); !taken) co_return taken;
    }
  }
  for (const auto& table : settings_.route_tables) {
    if (auto taken = co_await take_route(table); !taken) co_return taken;
  }
  if (is_check() && !settings_.route_tables.empty()) {
    if (auto checked = co_await check_route_target(); !checked) co_return checked;
  }
  if (!is_check() && !is_known_epoch_) write_note(order_.notes, epoch_note(order_), order_.epoch);
  co_return Status{};
}

}  // namespace gemel::cloud
