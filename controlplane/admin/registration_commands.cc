#include "controlplane/admin/registration_commands.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "controlplane/admin/report_json.h"
#include "controlplane/registrar/outbound_rows.h"

namespace tandem::admin {
namespace {

using registrar::OutboundRecord;

Json seconds_json(const std::optional<base::Seconds>& said, bool or_auto) {
  if (!said) return nullptr;
  if (or_auto && *said == base::Seconds{0}) return "auto";
  return said->count();
}

// What stands for a password says nothing, not even how long it is.
Json record_json(const OutboundRecord& record) {
  return {
      {"name", record.name},
      {"server", record.server},
      {"proxy", record.proxy},
      {"port", record.port},
      {"listener", record.listener},
      {"user", record.user},
      {"auth_user", record.auth_user},
      {"password", "***"},
      {"expiry", seconds_json(record.expiry, true)},
      {"retry_delay", seconds_json(record.retry_delay, false)},
      {"send_unregister",
       record.send_unregister ? Json(*record.send_unregister ? "on" : "off") : Json(nullptr)},
      {"privacy", record.privacy ? Json(registrar::privacy_name(*record.privacy)) : Json(nullptr)}};
}

base::Result<Json> record_json(const base::Result<OutboundRecord>& record) {
  if (!record) return base::error(record.error_text());
  return record_json(*record);
}

Json status_json(const registrar::OutboundStatus& status) {
  const auto seconds = [](base::Nanos time) { return time / base::Seconds{1}; };
  return {{"name", status.name},
          {"state", registrar::state_name(status.state)},
          {"server", status.server},
          {"contact", status.contact},
          {"status", status.status},
          {"reason", status.reason},
          {"since_s", seconds(status.since)},
          {"expires_s", seconds(status.left)},
          {"next_try_s", seconds(status.until_next)}};
}

std::string text_in(const Json& args, const char* key) {
  const auto found = args.find(key);
  return found != args.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace

bool RegistrationCommands::run(const std::string& command, const Json& args, const Answer& answer) {
  constexpr std::string_view kImport = "registration import ";
  if (command == "show registrations") {
    show_live(answer);
    return true;
  }
  if (!command.starts_with("registration ")) return false;
  if (book_ == nullptr) {
    answer(base::error("the site file has no [store] to keep registrations in"));
    return true;
  }
  if (command == "registration add" || command == "registration set" ||
      command == "registration del")
    one(command, args, answer);
  else if (command == "registration show")
    show(args, answer);
  else if (command == "registration retry")
    retry(args, answer);
  else if (command.starts_with(kImport))
    import(command.substr(kImport.size()), args, answer);
  else
    return false;
  return true;
}

void RegistrationCommands::errand(const Answer& answer, Work work) {
  thread_.post([this, answer, work = std::move(work)] {
    loop_.post([answer, result = work()] { answer(result); });
  });
}

void RegistrationCommands::one(const std::string& command, const Json& args, const Answer& answer) {
  auto words = registrar::outbound_words(args);
  if (!words) {
    answer(base::error(words.error_text()));
    return;
  }
  errand(answer, [this, command, words = std::move(words).value()] {
    if (command == "registration add") return record_json(book_->add(words));
    if (command == "registration set") return record_json(book_->set(words));
    const auto name = words.find("name");
    return record_json(book_->remove(name == words.end() ? "" : name->second));
  });
}

void RegistrationCommands::show(const Json& args, const Answer& answer) {
  errand(answer, [this, name = text_in(args, "name")]() -> base::Result<Json> {
    Json list = Json::array();
    if (!name.empty()) {
      auto record = record_json(book_->find(name));
      if (!record) return record;
      list.push_back(*record);
    } else {
      for (const auto& [each, record] : book_->all()) list.push_back(record_json(record));
    }
    return Json{{"registrations", std::move(list)}};
  });
}

void RegistrationCommands::ask_shards(std::function<Json(registrar::OutboundRegistrations&)> ask,
                                      std::function<void(std::vector<Json>)> done) {
  struct Gathered {
    std::vector<Json> answers;
    std::size_t missing;
    std::function<void(std::vector<Json>)> done;
  };
  const auto gathered = std::make_shared<Gathered>(
      Gathered{std::vector<Json>(shards_.size()), shards_.size(), std::move(done)});
  for (std::size_t s = 0; s < shards_.size(); ++s) {
    shards_[s].inbox.post([&loop = loop_, &part = shards_[s].part, ask, gathered, s] {
      loop.post([gathered, s, answer = ask(part)] {
        gathered->answers[s] = answer;
        if (--gathered->missing == 0) gathered->done(std::move(gathered->answers));
      });
    });
  }
}

void RegistrationCommands::show_live(const Answer& answer) {
  ask_shards(
      [](registrar::OutboundRegistrations& part) {
        Json list = Json::array();
        for (const auto& status : part.show()) list.push_back(status_json(status));
        return list;
      },
      [answer](const std::vector<Json>& parts) {
        std::vector<Json> all;
        for (const Json& part : parts) all.insert(all.end(), part.begin(), part.end());
        std::sort(all.begin(), all.end(), [](const Json& a, const Json& b) {
          return a["name"].get_ref<const std::string&>() < b["name"].get_ref<const std::string&>();
        });
        std::size_t registered = 0;
        for (const Json& one : all) registered += one["state"] == "registered" ? 1u : 0u;
        const std::size_t total = all.size();
        answer(
            Json{{"registrations", std::move(all)}, {"registered", registered}, {"total", total}});
      });
}

void RegistrationCommands::retry(const Json& args, const Answer& answer) {
  const std::string name = text_in(args, "name");
  ask_shards([name](registrar::OutboundRegistrations& part) { return Json(part.retry(name)); },
             [name, answer](const std::vector<Json>& hits) {
               if (std::find(hits.begin(), hits.end(), Json(true)) != hits.end())
                 answer(Json{{"name", name}});
               else
                 answer(base::error(fmt::format("there is no registration \"{}\"", name)));
             });
}

void RegistrationCommands::import(const std::string& step, const Json& args, const Answer& answer) {
  const auto number = args.value("import", Json(0));
  errand(answer, [this, step, text = text_in(args, "text"),
                  number = number.is_number_unsigned() ? number.get<std::uint64_t>() : 0,
                  keep_going = args.value("keep_going", Json(false)) == true] {
    return import_step(step, number, text, keep_going);
  });
}

// The file is gathered and then taken as a whole. Another one that begins ends it.
base::Result<Json> RegistrationCommands::import_step(const std::string& step, std::uint64_t number,
                                                     const std::string& text, bool keep_going) {
  if (step == "begin") {
    ++import_;
    importing_ = true;
    keep_going_ = keep_going;
    file_.clear();
    return Json{{"import", import_}};
  }
  if (!importing_ || number != import_) return base::error("this import is not under way");
  if (step == "rows") {
    if (file_.size() + text.size() > kFileMax) {
      importing_ = false;
      file_ = {};
      return base::error(fmt::format("the file has more than {} octets", kFileMax));
    }
    file_ += text;
    return Json{{"import", import_}};
  }
  if (step != "cancel" && step != "finish") {
    return base::error(fmt::format("no such command: registration import {}", step));
  }
  importing_ = false;
  const std::string file = std::exchange(file_, {});
  if (step == "cancel") return Json{{"import", import_}};
  const auto report = book_->import(file, keep_going_);
  if (!report) return base::error(report.error_text());
  return report_json(*report);
}

}  // namespace tandem::admin
