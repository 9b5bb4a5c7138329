# hook call
f0:
    lddw %r1, 0x400000003
    stxdw [%r10-8], %r1
    lddw %r1, 0x200000001
    stxdw [%r10-16], %r1
    mov %r1, %r10
    add %r1, -16
    mov %r4, %r10
    add %r4, -80
    mov %r2, 4
    mov %r3, 4
    mov %r5, 4
    call 2
    mov %r0, 0
    ldxdw %r1, [%r10-80]
    mov %r2, %r1
    add %r2, 4
    ldxdw %r3, [%r10-72]
    jgt %r2, %r3, i19
    ldxw %r0, [%r1]
i19:
    ldxdw %r1, [%r10-64]
    mov %r2, %r1
    add %r2, 4
    ldxdw %r3, [%r10-56]
    jgt %r2, %r3, i26
    ldxw %r1, [%r1]
    add %r0, %r1
i26:
    ldxdw %r1, [%r10-48]
    mov %r2, %r1
    add %r2, 4
    ldxdw %r3, [%r10-40]
    jgt %r2, %r3, i33
    ldxw %r1, [%r1]
    add %r0, %r1
i33:
    ldxdw %r1, [%r10-32]
    mov %r2, %r1
    add %r2, 4
    ldxdw %r3, [%r10-24]
    jgt %r2, %r3, i40
    ldxw %r1, [%r1]
    add %r0, %r1
i40:
    exit
