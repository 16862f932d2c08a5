// JSON of one host's status and of its events.
#include "api/host_status.h"

#include "api/host_status_description.h"

namespace gemel::api {

std::string to_json(const HostStatus& status) { return boost::json::serialize(reflection::write(status)); }
Result<HostStatus> parse_host_status(const std::string& json) { return reflection::parse<HostStatus>(json); }
std::string to_json(const std::vector<Event>& events) { return boost::json::serialize(reflection::write(events)); }
Result<std::vector<Event>> parse_events(const std::string& json) { return reflection::parse<std::vector<Event>>(json); }

}  // namespace gemel::api
