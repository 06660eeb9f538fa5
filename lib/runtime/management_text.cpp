#include "runtime/management_text.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>

namespace millrace::runtime {

namespace {

std::string address_text(const nlohmann::json& line, const char* key) {
    const std::string address = line.value(key, "");
    return address.find(':') == std::string::npos ? address : '[' + address + ']';
}

std::string port_text(const nlohmann::json& line, const char* key) {
    const auto port = line.value(key, 0U);
    return port == 0 ? "*" : std::to_string(port);
}

std::string number_text(const nlohmann::json& line, const char* key) {
    return std::to_string(line.value(key, std::uint64_t{0}));
}

} // namespace

ConnectionTable::Row ConnectionTable::heading() {
    return {"State", "Recv-Q", "Send-Q", "Local Address", "Port", "Peer Address", "Port"};
}

void ConnectionTable::add(const nlohmann::json& line) {
    Row row{line.value("state", ""),
            number_text(line, "receive_queue_bytes"),
            number_text(line, "send_queue_bytes"),
            address_text(line, "local_address"),
            port_text(line, "local_port"),
            address_text(line, "remote_address"),
            port_text(line, "remote_port")};
    if (widths_chosen_) {
        out_(text_of(row));
        return;
    }
    first_rows_.push_back(std::move(row));
    if (first_rows_.size() == rows_for_widths) {
        finish();
    }
}

void ConnectionTable::finish() {
    if (widths_chosen_) {
        return;
    }
    first_rows_.insert(first_rows_.begin(), heading());
    choose_widths();
    for (const Row& row : first_rows_) {
        out_(text_of(row));
    }
    first_rows_.clear();
}

void ConnectionTable::choose_widths() {
    for (const Row& row : first_rows_) {
        local_width_ = std::max(local_width_, row.local_address.size());
        local_port_width_ = std::max(local_port_width_, row.local_port.size());
        remote_width_ = std::max(remote_width_, row.remote_address.size());
    }
    widths_chosen_ = true;
}

std::string ConnectionTable::text_of(const Row& row) const {
    return fmt::format("{:<10} {:<6} {:<6} {:>{}}:{:<{}} {:>{}}:{}\n", row.state, row.receive_queue,
                       row.send_queue, row.local_address, local_width_, row.local_port,
                       local_port_width_, row.remote_address, remote_width_, row.remote_port);
}

bool is_wanted(const nlohmann::json& line, const std::vector<std::string>& wanted) {
    const std::string name = line.value("group", "") + "." + line.value("name", "");
    return wanted.empty() ||
           std::any_of(wanted.begin(), wanted.end(), [&](const std::string& part) {
               return name.find(part) != std::string::npos;
           });
}

std::string StatsText::heading(const nlohmann::json& line) const {
    const std::string group = '[' + line.value("group", "") + ']';
    if (!by_worker_) {
        return group;
    }
    std::string text = fmt::format("{:<40} {:>14}", group, "all");
    for (std::size_t i = 0; i < line.value("workers", nlohmann::json::array()).size(); ++i) {
        text += fmt::format(" {:>14}", fmt::format("worker {}", i));
    }
    return text;
}

std::string StatsText::values(const nlohmann::json& line) const {
    if (!by_worker_) {
        return number_text(line, "value");
    }
    std::string text = fmt::format("{:>14}", number_text(line, "value"));
    for (const nlohmann::json& worker : line.value("workers", nlohmann::json::array())) {
        text += fmt::format(" {:>14}", worker.get<std::uint64_t>());
    }
    return text;
}

void StatsText::add(const nlohmann::json& line) {
    if (!is_wanted(line, wanted_)) {
        return;
    }
    if (const std::string group = line.value("group", ""); group != group_) {
        out_(fmt::format("{}{}\n", group_.empty() ? "" : "\n", heading(line)));
        group_ = group;
    }
    out_(fmt::format("{:<40} {}\n", line.value("name", ""), values(line)));
}

} // namespace millrace::runtime
