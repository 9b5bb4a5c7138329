# hook call
f0:
    lddw %r1, data[16]
    ldxw %r2, [%r1+12]
    lsh %r2, 32
    ldxw %r3, [%r1+8]
    or %r2, %r3
    stxdw [%r10-8], %r2
    ldxw %r2, [%r1]
    ldxw %r1, [%r1+4]
    lsh %r1, 32
    or %r1, %r2
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
    jgt %r2, %r3, i26
    ldxw %r0, [%r1]
i26:
    ldxdw %r1, [%r10-64]
    mov %r2, %r1
    add %r2, 4
    ldxdw %r3, [%r10-56]
    jgt %r2, %r3, i33
    ldxw %r1, [%r1]
    add %r0, %r1
i33:
    ldxdw %r1, [%r10-48]
    mov %r2, %r1
    add %r2, 4
    ldxdw %r3, [%r10-40]
    jgt %r2, %r3, i40
    ldxw %r1, [%r1]
    add %r0, %r1
i40:
    ldxdw %r1, [%r10-32]
    mov %r2, %r1
    add %r2, 4
    ldxdw %r3, [%r10-24]
    jgt %r2, %r3, i47
    ldxw %r1, [%r1]
    add %r0, %r1
i47:
    exit
.data 02
.data zero 1
.data 03
.data zero 1
.data 05
.data zero 1
.data 07
.data zero 1
.data 0b
.data zero 1
.data 0d
.data zero 1
.data 11
.data zero 1
.data 13
.data zero 1
.data 01
.data zero 3
.data 02
.data zero 3
.data 03
.data zero 3
.data 04
.data zero 3
