#pragma once
// The way of a model from trained to retired as one row of stages, each with how many are there;
// the stage that serves is outlined. GUI thread.

#include <QWidget>

#include <array>

namespace ui {

class StageStrip : public QWidget
{
    Q_OBJECT
public:
    enum Stage { Trained, Evaluated, Signed, Canary, Serving, Retired, StageCount };
    explicit StageStrip(QWidget *parent = nullptr);
    void show(const std::array<int, StageCount> &counts);
    [[nodiscard]] QSize sizeHint() const override;

protected:
    void paintEvent(QPaintEvent *event) override;
    void changeEvent(QEvent *event) override;

private:
    std::array<int, StageCount> m_counts{};
};

} // namespace ui
