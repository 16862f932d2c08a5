// Site files for the tests of this folder.
#pragma once

#include <string>

namespace gemel::site::test {

inline const std::string head = R"([site]
name = "lab"
dns_name = "mgmt.lab.test"

[network]
subnets = ["10.77.0.0/24", "fd77::/64"]
interface = "eth0"
vip = "10.77.0.100"
vip6 = "fd77::100"

[database]
user = "cliqr"
name = "gemel"
)";

inline std::string host(const std::string& name, const std::string& role, const std::string& number,
                        const std::string& zone = "a") {
  return "\n[[host]]\nname = \"" + name + "\"\nrole = \"" + role + "\"\naddress = \"10.77.0." + number +
         "\"\naddress6 = \"fd77::" + number + "\"\nzone = \"" + zone + "\"\n";
}

inline std::string five_hosts() {
  return host("ccm1", "CCM_SA_PRIMARY", "11") + host("ccm2", "CCM_SA_SECONDARY", "12", "b") +
         host("db1", "MGMTPOSTGRES_MASTER", "21") + host("db2", "MGMTPOSTGRES_SLAVE", "22", "b") +
         host("lb1", "CCM_LB", "31");
}

inline std::string good_site() { return head + five_hosts(); }

/// `head` without floating addresses.
inline std::string head_of_standalone() {
  const auto from = head.find("vip =");
  return head.substr(0, from) + head.substr(head.find("\n[database]"));
}

inline std::string standalone_site() {
  return head_of_standalone() + host("ccm1", "CCM_SA", "11") + host("db1", "MGMTPOSTGRES", "21");
}

inline std::string one_host_site() { return head_of_standalone() + host("ccm", "CCM", "11"); }

/// Three hosts, and a database of somebody else.
inline const std::string external_head = R"([site]
name = "lab"
dns_name = "mgmt.lab.test"

[network]
subnets = ["10.77.0.0/24", "fd77::/64"]

[database]
endpoint = "db.example.org:5433"
ca = "provider-ca.pem"
password_file = "database.password"
)";

inline std::string external_site() {
  return external_head + host("ccm1", "CCM_SA_PRIMARY", "11") + host("ccm2", "CCM_SA_SECONDARY", "12", "b") +
         host("lb1", "CCM_LB", "31");
}

inline std::string compact_site() {
  return head + host("one", "ALL", "1") + host("two", "ALL", "2", "b") + host("three", "ALL", "3", "c");
}

}  // namespace gemel::site::test
