#pragma once
// A painted list of short facts: time, icon, words, a trailing word. The inspector's building
// block; grows with its rows.

#include "ui/widgets/tone.h"

#include <QWidget>

#include <vector>

namespace ui {

struct Fact
{
    QString lead = {}, icon = {}, text = {}, trail = {};
    Tone tone = Tone::Plain, iconTone = Tone::Muted;
    bool current = false;
    bool operator==(const Fact &) const = default;
};

class FactList : public QWidget
{
    Q_OBJECT
public:
    explicit FactList(QWidget *parent = nullptr);
    /// `most`: newest rows kept; the count of the others is said in the first row.
    void show(std::vector<Fact> facts, std::size_t most = 12);
    void setLeadWidth(int width) { m_leadWidth = width; }
    [[nodiscard]] const std::vector<Fact> &facts() const { return m_facts; }

protected:
    void paintEvent(QPaintEvent *event) override;

private:
    std::vector<Fact> m_facts;
    int m_leadWidth = 0;
};

} // namespace ui
